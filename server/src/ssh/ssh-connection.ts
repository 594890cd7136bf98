import type { Socket } from 'node:net';
import type { Connection } from 'ssh2';
import { askAgent } from '../agent/ask-agent.ts';
import { AGENT_PORT } from '../agent/port.ts';
import { connectSandbox } from '../gateway/sandbox-connection.ts';
import type { Reach } from '../sandbox/sandboxes.ts';
import { joinSockets } from './join-sockets.ts';
import { createRemoteForwards } from './remote-forward.ts';
import { serveSession } from './ssh-session.ts';

/** More of them at once are refused; OpenSSH allows ten. */
const MAX_CHANNELS = 128;
const ANSWER_TIMEOUT_MS = 20_000;

/** Serves the channels of a client that is logged in. `reach` wakes the sandbox. */
export function serveConnection(client: Connection, reach: () => Promise<Reach>): { close: () => void } {
  const sockets = new Set<Socket>();
  let opening = 0;
  const ended = new AbortController();

  /** Everything that is open to the sandbox ends with the connection. Those that are still being opened count as well. */
  const hold = async (open: () => Promise<Socket>): Promise<Socket> => {
    if (sockets.size + opening >= MAX_CHANNELS) throw new Error('too many channels are open');
    opening += 1;
    const socket = await open().finally(() => (opening -= 1));
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    if (ended.signal.aborted) socket.destroy();
    return socket;
  };
  const ask = async (
    path: string,
    headers: Record<string, string> = {},
    protocol = 'atoll-tcp',
  ): Promise<Socket> => {
    const call = { path, headers, protocol, timeoutMs: ANSWER_TIMEOUT_MS };
    return hold(async () => askAgent(await reach(), call, ended.signal));
  };
  const forwards = createRemoteForwards(client, ask);

  client.on('session', (accept) =>
    serveSession(accept(), (request) => {
      const header = Buffer.from(JSON.stringify(request)).toString('base64');
      return ask('/internal/v1/session', { 'x-atoll-session': header }, 'atoll-session');
    }),
  );
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    connect(destIP, destPort).then(
      (socket) => joinSockets(accept(), socket),
      () => reject(),
    );
  });
  client.on('request', (accept, reject, name, { bindAddr, bindPort }) => {
    if (name === 'cancel-tcpip-forward') {
      if (forwards.cancel(bindAddr, bindPort)) accept?.();
      else reject?.();
      return;
    }
    if (name !== 'tcpip-forward') return reject?.();
    forwards.open(bindAddr, bindPort).then(
      (port) => accept?.(port),
      () => reject?.(),
    );
  });

  const connect = async (host: string, port: number): Promise<Socket> => {
    if (port === AGENT_PORT) throw new Error('refused');
    const isLoopback = host === 'localhost' || host === '127.0.0.1' || host === '::1';
    return hold(async () => {
      const { endpoint, token } = await reach();
      const target = { endpoint, token, port, waitMs: 0, ...(!isLoopback && { host }) };
      return connectSandbox(target, ended.signal);
    });
  };

  return {
    close: () => {
      ended.abort();
      forwards.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
