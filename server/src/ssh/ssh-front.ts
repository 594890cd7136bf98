import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** One connection to the SSH port. */
export interface FrontConnection {
  /** Lets it stay for as long as it likes: its client has logged in. */
  keep(): void;
  /** Ends it, whatever the other side does. */
  end(): void;
}

export interface SshFront {
  /** Resolves to the port, once connections are taken. */
  listen(host: string, port: number): Promise<number>;
  /** That of a client that the library tells of; `undefined` once it is closed. */
  find(address: string, port: number): FrontConnection | undefined;
  /** Takes no more connections and ends those that there are. */
  close(): void;
}

export interface SshFrontOptions {
  maxConnections: number;
  /** How many of one address may be on their way to a login at once. */
  maxStrangers: number;
  loginTimeoutMs: number;
  /** How long a connection that was told to end may stay open on the other side. */
  endGraceMs: number;
  take(socket: Socket): void;
  fail(error: Error): void;
}

/**
 * Takes the connections of the SSH port. The SSH library tells of a client only once that has said that it speaks SSH,
 * and ends a connection by closing its own half: so connections have their number and their time here, from the first
 * moment on and until nothing is left of them.
 */
export function createSshFront(options: SshFrontOptions): SshFront {
  const connections = new Map<string, FrontConnection>();
  const strangers = new Map<string, number>();
  const count = (address: string, by: number): void => {
    const left = (strangers.get(address) ?? 0) + by;
    if (left > 0) strangers.set(address, left);
    else strangers.delete(address);
  };

  const track = (socket: Socket, key: string, address: string): void => {
    const timer = setTimeout(() => socket.destroy(), options.loginTimeoutMs);
    count(address, 1);
    let isStranger = true;
    const keep = (): void => {
      clearTimeout(timer);
      if (isStranger) count(address, -1);
      isStranger = false;
    };
    const end = (): void => {
      socket.end();
      setTimeout(() => socket.destroy(), options.endGraceMs).unref();
    };
    connections.set(key, { keep, end });
    // The library hears no errors of one that has not introduced itself.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      keep();
      connections.delete(key);
    });
  };

  const server = createServer((socket) => {
    const { remoteAddress: address = '', remotePort } = socket;
    const key = keyOf(address, remotePort);
    const isFull = connections.size >= options.maxConnections;
    // The key is taken where a client uses one port of its own for two of our addresses.
    if (isFull || connections.has(key) || (strangers.get(address) ?? 0) >= options.maxStrangers) {
      socket.destroy();
      return;
    }
    track(socket, key, address);
    options.take(socket);
  });
  server.on('error', options.fail);

  return {
    listen: async (host, port) => {
      const listening = once(server, 'listening');
      server.listen(port, host);
      await listening;
      return (server.address() as AddressInfo).port; // a TCP server has no other kind of address
    },
    find: (address, port) => connections.get(keyOf(address, port)),
    close: () => {
      server.close();
      for (const connection of connections.values()) connection.end();
    },
  };
}

const keyOf = (address: string, port: number | undefined): string => `${address} ${port ?? ''}`;
