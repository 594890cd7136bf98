import type { Socket } from 'node:net';
import { askAgent } from '../agent/ask-agent.ts';
import type { AgentAddress } from '../agent/ask-agent.ts';
import { listenInSandbox } from '../agent/sandbox-listener.ts';
import type { SandboxListener } from '../agent/sandbox-listener.ts';
import { StepFailure } from './step-failure.ts';

/** A socket in the sandbox of a step; the server answers who connects to it. */
export interface StepSocket {
  path: string;
  uid: number;
  gid: number;
  mode: number;
  serve: (connection: Socket) => void;
}

const ANSWER_TIMEOUT_MS = 20_000;

/** Opens the sockets of a step before its process; returns how to take them away. */
export async function openStepSockets(
  agent: AgentAddress,
  sockets: readonly StepSocket[],
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const ask = (path: string): Promise<Socket> =>
    askAgent(agent, { path, timeoutMs: ANSWER_TIMEOUT_MS }, either);
  const open: SandboxListener[] = [];
  const connections = new Set<Socket>();
  const serve = (socket: StepSocket, connection: Socket): void => {
    connections.add(connection.once('close', () => connections.delete(connection)));
    connection.on('error', () => connection.destroy());
    if (either.aborted) connection.destroy();
    else socket.serve(connection);
  };
  const close = async (): Promise<void> => {
    ended.abort();
    for (const connection of connections) connection.destroy();
    await Promise.all(open.map((listener) => listener.close()));
  };
  try {
    for (const socket of sockets) {
      open.push(await listenInSandbox(ask, socket, (accepted) => serve(socket, accepted.socket)));
    }
    return close;
  } catch (cause) {
    await close();
    signal.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StepFailure(`the socket of an SSH agent cannot be made: ${why}`, {
      cause,
      hint: 'Choose another place with target=PATH.',
    });
  }
}
