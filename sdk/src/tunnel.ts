import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type WebSocket from 'ws';
import type { SandboxAddress } from './connection.ts';
import { socketUrl } from './message-socket.ts';
import { openSandboxSocket } from './sandbox-socket.ts';

const PING_INTERVAL_MS = 15_000;
/** Bytes on their way to the sandbox beyond which the local side is not read. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

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
  const socket = await openSandboxSocket(socketUrl(at, `/api/v1/tunnels/tcp?port=${port}`), at.headers);
  if (local.destroyed) return socket.terminate();
  local.setNoDelay(true);
  copyIn(local, socket);
  copyOut(socket, local);
  const pings = setInterval(() => socket.ping(), PING_INTERVAL_MS);
  await once(socket, 'close');
  clearInterval(pings);
}

/** The end of the local side is a Close frame: the sandbox still sends the rest of its answer. */
function copyIn(local: Socket, socket: WebSocket): void {
  local.on('data', (chunk: Buffer) => {
    if (socket.readyState !== socket.OPEN) return;
    socket.send(chunk, () => {
      if (socket.bufferedAmount <= MAX_BUFFERED_BYTES) local.resume();
    });
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) local.pause();
  });
  local.once('end', () => socket.close(1000));
  local.once('close', () => socket.terminate());
  local.resume();
}

function copyOut(socket: WebSocket, local: Socket): void {
  socket.on('message', (message: Buffer) => {
    if (!local.write(message)) socket.pause();
  });
  local.on('drain', () => socket.resume());
  socket.once('close', () => {
    local.end();
    local.resume();
  });
  socket.resume();
}
