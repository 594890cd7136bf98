import type { Socket } from 'node:net';
import { askAgent } from '../agent/ask-agent.ts';
import type { AgentAddress } from '../agent/ask-agent.ts';
import { connectBulk } from '../lib/bulk-socket.ts';

/** Where a sandbox is reached, and where in it a connection goes. */
export interface SandboxTarget extends AgentAddress {
  port: number;
  /** As processes of the sandbox reach it; absent for its loopback. */
  host?: string;
  /** How long a port may take to open. */
  waitMs: number;
}

/** The direct way is a namespace away: what has not answered by then is not there. */
const DIRECT_TIMEOUT_MS = 1_000;
/** On top of the wait for the port: the agent's own attempt takes 5 s at most. */
const AGENT_TIMEOUT_MS = 8_000;

/**
 * A TCP connection to a server in a sandbox. One that listens on every address is reached directly; one on the
 * loopback alone, or one that is not there yet, through the agent, which also waits for it. Throws
 * `connection_refused` or `upstream_timeout`.
 */
export async function connectSandbox(target: SandboxTarget, signal: AbortSignal): Promise<Socket> {
  const direct = target.host === undefined ? await connectDirectly(target, signal) : undefined;
  signal.throwIfAborted();
  const socket = direct ?? (await connectThroughAgent(target, signal));
  socket.setNoDelay(true);
  return socket;
}

/** Only where the sandbox has an address of its own: without isolation that would be a port of the host. */
function connectDirectly(
  { endpoint, port }: SandboxTarget,
  signal: AbortSignal,
): Promise<Socket | undefined> {
  if (endpoint.gateway === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = connectBulk({ host: endpoint.host, port, allowHalfOpen: true });
    const settle = (found: Socket | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      if (found === undefined) socket.destroy();
      resolve(found);
    };
    const giveUp = (): void => settle(undefined);
    const timer = setTimeout(giveUp, DIRECT_TIMEOUT_MS);
    signal.addEventListener('abort', giveUp);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      settle(socket);
    });
    socket.once('error', giveUp);
  });
}

function connectThroughAgent(target: SandboxTarget, signal: AbortSignal): Promise<Socket> {
  const { port, host, waitMs } = target;
  const query = new URLSearchParams({ port: String(port), wait_ms: String(Math.round(waitMs)) });
  if (host !== undefined) query.set('host', host);
  const path = `/internal/v1/connect?${query}`;
  return askAgent(target, { path, timeoutMs: waitMs + AGENT_TIMEOUT_MS }, signal);
}
