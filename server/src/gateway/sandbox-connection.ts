import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ApiError } from '@atoll/protocol';
import type { SlotEndpoint } from '../runtime/driver.ts';

/** Where a sandbox is reached, and where in it a connection goes. */
export interface SandboxTarget {
  endpoint: SlotEndpoint;
  token: string;
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
    const socket = connect({ host: endpoint.host, port, allowHalfOpen: true });
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

/** A request to the agent whose connection then speaks another protocol: plain bytes, unless one is named. */
export interface AgentUpgrade {
  path: string;
  protocol?: string;
  headers?: Record<string, string>;
  timeoutMs: number;
}

/** Asks the agent for a connection of its own. */
export function askAgent(
  { endpoint, token }: Pick<SandboxTarget, 'endpoint' | 'token'>,
  { path, protocol = 'atoll-tcp', headers, timeoutMs }: AgentUpgrade,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const call = httpRequest({
      host: endpoint.host,
      port: endpoint.port,
      agent: false,
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
