import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Log } from '../lib/log.ts';
import { isEnded } from '../sandbox/lifecycle.ts';
import type { Sandboxes } from '../sandbox/sandboxes.ts';
import type { LocalPortStore } from '../store/local-port-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';

export interface LocalPortsOptions {
  sandboxes: Pick<Sandboxes, 'get' | 'exposing' | 'onCut' | 'onExposure'>;
  store: LocalPortStore;
  /** A loopback address; absent where nobody is on this machine to use it. */
  host?: string;
  log: Log;
}

export type LocalPorts = ReturnType<typeof createLocalPorts>;

interface Listener {
  server: Server;
  /** Settles once it listens, or is known not to. */
  opened: Promise<void>;
  localPort?: number;
  sockets: Set<Socket>;
}

/**
 * A port of this machine's loopback for each exposed port: an origin of its own for browsers that cannot resolve
 * names below a domain. A port that was given once is asked for again after a restart.
 */
export function createLocalPorts({ sandboxes, store, host, log }: LocalPortsOptions) {
  const listeners = new Map<string, Listener>();
  const owners = new WeakMap<Socket, { identifier: string; port: number }>();
  let accept: (socket: Socket) => void = (socket) => socket.destroy();

  const open = (sandboxId: string, port: number): Listener => {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      owners.set(socket, { identifier: sandboxId, port });
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      accept(socket);
    });
    const listener: Listener = { server, sockets, opened: Promise.resolve() };
    listener.opened = listen(server, host, store.find(sandboxId, port)).then(
      (localPort) => {
        if (!server.listening) return;
        listener.localPort = localPort;
        store.put(sandboxId, port, localPort);
      },
      (err: unknown) => log.warn({ err, sandboxId, port }, 'cannot open a local port'),
    );
    return listener;
  };

  const close = ({ server, sockets }: Listener): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };

  const sync = (record: SandboxRecord): void => {
    if (host === undefined) return;
    const { state, operation, exposedPorts } = sandboxes.get(record.workspaceId, record.id);
    const wanted = new Set(isEnded(state) || operation === 'terminate' ? [] : exposedPorts);
    for (const port of wanted) {
      const key = `${record.id}/${port}`;
      if (!listeners.has(key)) listeners.set(key, open(record.id, port));
    }
    for (const [key, listener] of listeners) {
      const [id, port] = key.split('/');
      if (id !== record.id || wanted.has(Number(port))) continue;
      listeners.delete(key);
      close(listener);
      store.remove(record.id, Number(port));
    }
  };
  sandboxes.onExposure(sync);
  sandboxes.onCut(sync);

  return {
    /** Opens those of the sandboxes that an earlier process left; connections go to `onConnection`. */
    start: (onConnection: (socket: Socket) => void): void => {
      accept = onConnection;
      const exposing = sandboxes.exposing();
      store.keepOnly(exposing.map(({ id }) => id));
      exposing.forEach(sync);
    },
    /** Resolves when every port that is being opened is open. */
    settled: async (): Promise<void> => {
      await Promise.all([...listeners.values()].map(({ opened }) => opened));
    },
    /** The port of this machine that stands for an exposed port. */
    find: (sandboxId: string, port: number): number | undefined =>
      listeners.get(`${sandboxId}/${port}`)?.localPort,
    /** The exposed port that a connection of these listeners belongs to. */
    ownerOf: (socket: Socket) => owners.get(socket),
    close: (): void => {
      for (const listener of listeners.values()) close(listener);
      listeners.clear();
    },
  };
}

/** On the port that was used before, else on a free one. */
async function listen(server: Server, host: string | undefined, before: number | undefined): Promise<number> {
  if (before !== undefined) {
    const again = await listenOn(server, host, before).catch(() => undefined);
    if (again !== undefined) return again;
  }
  return await listenOn(server, host, 0);
}

function listenOn(server: Server, host: string | undefined, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port); // a TCP server has no other kind of address
    });
  });
}
