import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '@atoll/protocol';
import { connectBulk } from '../lib/bulk-socket.ts';
import type { SlotEndpoint } from '../runtime/driver.ts';

/** Where the agent of a sandbox answers, and what it wants to be told. */
export interface AgentAddress {
  endpoint: SlotEndpoint;
  token: string;
}

/** A request to the agent whose connection then speaks another protocol: plain bytes, unless one is named. */
export interface AgentUpgrade {
  path: string;
  protocol?: string;
  headers?: Record<string, string>;
  timeoutMs: number;
}

/** Asks the agent for a connection of its own. */
export function askAgent(
  { endpoint, token }: AgentAddress,
  { path, protocol = 'atoll-tcp', headers, timeoutMs }: AgentUpgrade,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const call = httpRequest({
      host: endpoint.host,
      port: endpoint.port,
      createConnection: () => connectBulk({ host: endpoint.host, port: endpoint.port }),
      path,
      headers: { ...headers, 'x-atoll-token': token, connection: 'Upgrade', upgrade: protocol },
    });
    // Only until the connection stands: from then on it is its user's, who may keep it for others.
    const late = (): void =>
      void call.destroy(new ApiError('upstream_timeout', 'the sandbox does not answer'));
    const leave = (): void => void call.destroy(new ApiError('connection_refused', 'nobody waits any more'));
    const timer = setTimeout(late, timeoutMs);
    signal.addEventListener('abort', leave);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    };
    call.once('upgrade', (_answer, socket, first) => {
      settle();
      if (first.length > 0) socket.unshift(first);
      resolve(socket as Socket); // what TCP servers are upgraded to
    });
    call.once('response', (answer) => {
      // In the agent's own words, as far as they fit into one piece.
      answer.once('data', (said: Buffer) => {
        reject(refusal(said.toString()));
        answer.destroy();
      });
      answer.on('error', () => {});
      answer.once('close', () => {
        settle();
        reject(refusal(''));
      });
    });
    call.on('error', (cause) => {
      settle();
      const refused = 'the sandbox does not accept connections';
      reject(cause instanceof ApiError ? cause : new ApiError('connection_refused', refused, { cause }));
    });
    call.end();
  });
}

function refusal(said: string): ApiError {
  const [, why] = /"error":"((?:[^"\\]|\\.){1,300})"/.exec(said) ?? [];
  return new ApiError(
    'connection_refused',
    `the sandbox refuses the connection: ${why ?? 'no reason given'}`,
  );
}
