import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { openByteSocket } from './byte-socket.ts';
import type { ByteSocket } from './byte-socket.ts';
import type { SandboxAddress } from './connection.ts';
import { socketUrl } from './message-socket.ts';

const PING_INTERVAL_MS = 15_000;

export interface CreateTunnelOptions {
  /** Default `127.0.0.1`. */
  localHost?: string;
  /** Default: any free port. */
  localPort?: number;
  /** Told of connections that the sandbox refused or that broke off; the tunnel goes on. */
  onError?: (error: unknown) => void;
}

export interface TunnelAddress {
  host: string;
  port: number;
}

/** A local port whose connections end at a port on the loopback of a sandbox. */
export class TcpTunnel implements AsyncDisposable {
  readonly remotePort: number;
  readonly localHost: string;
  readonly localPort: number;
  readonly #server: Server;
  readonly #connections: Set<Socket>;

  private constructor(remotePort: number, server: Server, connections: Set<Socket>) {
    const { address, port } = server.address() as AddressInfo; // a TCP server has no other kind
    this.remotePort = remotePort;
    this.localHost = address;
    this.localPort = port;
    this.#server = server;
    this.#connections = connections;
  }

  /** Begins to listen; `createTunnel` of a sandbox does. Each connection is a WebSocket of its own. */
  static async listen(
    address: () => Promise<SandboxAddress>,
    remotePort: number,
    { localHost = '127.0.0.1', localPort = 0, onError = () => {} }: CreateTunnelOptions,
  ): Promise<TcpTunnel> {
    const connections = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (local) => {
      connections.add(local);
      local.once('close', () => connections.delete(local));
      relay(local, address, remotePort).catch((error: unknown) => {
        local.destroy();
        onError(error);
      });
    });
    server.listen(localPort, localHost);
    await once(server, 'listening');
    return new TcpTunnel(remotePort, server, connections);
  }

  address(): TunnelAddress {
    return { host: this.localHost, port: this.localPort };
  }

  /** Ends all connections and gives the port free. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const local of this.#connections) local.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function relay(local: Socket, address: () => Promise<SandboxAddress>, port: number): Promise<void> {
  local.on('error', () => local.destroy());
  const at = await address();
  const socket = await openByteSocket(socketUrl(at, `/api/v1/tunnels/tcp?port=${port}`), at.headers);
  if (local.destroyed) return socket.destroy();
  local.setNoDelay(true);
  const pings = setInterval(() => socket.ping(), PING_INTERVAL_MS);
  copyIn(local, socket);
  await copyOut(socket, local);
  clearInterval(pings);
}

/** The end of the local side is a Close frame: the sandbox still sends the rest of its answer. */
function copyIn(local: Socket, socket: ByteSocket): void {
  local.on('data', (chunk: Buffer) => {
    if (!socket.send(chunk)) local.pause();
  });
  socket.onDrain(() => local.resume());
  local.once('end', () => socket.end());
  local.once('close', () => socket.destroy());
  local.resume();
}

/** Resolves once the socket has closed. */
const copyOut = (socket: ByteSocket, local: Socket): Promise<void> =>
  new Promise((resolve) => {
    let isWaiting = false;
    const onWritten = (): void => {
      if (!isWaiting || local.writableLength > 0) return;
      isWaiting = false;
      socket.resume();
    };
    socket.start({
      onData: (piece) => {
        local.write(piece, onWritten);
        isWaiting = local.writableLength > 0;
        return !isWaiting;
      },
      onClose: () => {
        local.end();
        local.resume();
        resolve();
      },
    });
  });
