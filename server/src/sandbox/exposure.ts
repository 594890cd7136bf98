import { ApiError } from '@atoll/protocol';
import { AGENT_PORT } from '../agent/port.ts';

/** Which ports of a sandbox the gateway passes requests to, and whether they need no key. */
export interface Exposure {
  exposedPorts: readonly number[];
  allowUnauthenticated: boolean;
}

/** More are a mistake: each may have a listener on the host. */
const MAX_EXPOSED_PORTS = 64;

/** Each port once, in rising order. The agent's own is never for the public. */
export function checkPorts(ports: readonly number[]): number[] {
  if (ports.includes(AGENT_PORT))
    throw new ApiError('invalid_request', `port ${AGENT_PORT} is the sandbox's own and cannot be exposed`);
  const distinct = [...new Set(ports)].toSorted((a, b) => a - b);
  if (distinct.length > MAX_EXPOSED_PORTS)
    throw new ApiError('limit_exceeded', `a sandbox exposes ${MAX_EXPOSED_PORTS} ports at most`);
  return distinct;
}
