import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { SecureContextOptions } from 'node:tls';
import { openFront } from './front.ts';
import { portOf } from './gateway/address.ts';
import type { Address } from './gateway/address.ts';
import { createHttp2Front } from './gateway/port-http2.ts';
import type { Gateway } from './gateway/gateway.ts';
import type { PortGateway } from './gateway/port-gateway.ts';
import { isWebSocket } from './gateway/upgrade.ts';
import { randomId } from './lib/id.ts';
import { createStreamReader, mountControl } from './http/control.ts';
import type { ControlOptions } from './http/control.ts';
import type { OciDispatcher } from './http/oci/oci-dispatcher.ts';
import { isOciUrl } from './http/oci/oci-path.ts';

export interface HttpServerOptions extends ControlOptions {
  readAddress: (request: Pick<IncomingMessage, 'headers' | 'url' | 'socket'>) => Address;
  gateway: Gateway;
  ports: Pick<PortGateway, 'handle' | 'upgrade'>;
  registry: OciDispatcher;
  /** Certificate and key, to speak HTTPS without a reverse proxy. */
  tls?: SecureContextOptions;
  /** Whether a reverse proxy stands before this server. */
  trustProxy?: boolean;
}

export interface HttpServer {
  /** Begins to listen; resolves with the port, which `0` leaves to the system. */
  listen(host: string, port: number): Promise<number>;
  /** Shows another certificate to new connections. */
  renewTls(this: void, tls: SecureContextOptions): void;
  /** Takes on a connection that came another way. */
  accept(this: void, socket: Socket): void;
  /** Accepts nothing new, lets answers in flight end for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** Control-plane bodies are small; one that takes longer is a stalled client. */
const CONTROL_BODY_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 15_000;
/** A connection on which nothing moves for this long is closed, also in the middle of an upload. */
const IDLE_TIMEOUT_MS = 10 * 60_000;
const MAX_HEADER_BYTES = 32 * 1024;

/**
 * The one port: requests for a sandbox go to the gateway untouched, `/v2/` to the registry, everything else to the
 * control plane. Uploads and streams may take any time, so the limits are on silence instead of duration.
 */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  let control: RequestListener | undefined;
  const isUpload = createStreamReader(options.bindings.map(({ route }) => route));
  const server = createServer(
    {
      requestTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: 65_000,
      // Everything else that asks for an upgrade is answered as if it did not.
      shouldUpgradeCallback: (request) => mayUpgrade(request, options.readAddress(request)),
    },
    (request, response) => {
      const address = options.readAddress(request);
      if (address.kind === 'sandbox') return void options.gateway.handle(request, response, address);
      if (address.kind === 'port') return void options.ports.handle(request, response, address);
      if (isOciUrl(request.url)) return void options.registry(request, response);
      if (!isUpload(request)) limitBody(request, response);
      control?.(request, response);
    },
  );
  server.on('upgrade', (request, socket, head) => {
    const address = options.readAddress(request);
    const client = socket as Socket; // a TCP server has no other kind
    if (address.kind === 'sandbox') void options.gateway.upgrade(request, client, head, address);
    else if (address.kind === 'port') void options.ports.upgrade(request, client, head, address);
    else client.destroy();
  });
  const { readAddress } = options;
  const http2 = createHttp2Front({
    readAddress,
    handle: (...call) => options.ports.handle(...call),
  });
  const front = openFront({
    http: server,
    http2: http2.server,
    offersHttp2: (serverName) => portOf(serverName.split('.')[0] ?? '')?.kind === 'port',
    ...(options.tls && { tls: options.tls }),
  });
  const idle = watchIdle(server);
  server.setTimeout(IDLE_TIMEOUT_MS);
  // Bytes are what is limited: a limit on their number would silently leave out the last ones, a length among them.
  server.maxHeadersCount = 0;
  const app = createKernel(server, options.trustProxy === true, (handler) => {
    control = handler;
  });
  mountControl(app, options);
  await app.ready();
  return {
    listen: (host, port) => listen(server, host, port),
    renewTls: front.renew,
    accept: (socket) => void server.emit('connection', socket),
    close: async (graceMs) => {
      const closed = close(server, app, idle, graceMs);
      http2.close();
      await closed;
    },
  };
}

/** The data plane has WebSockets alone. Servers behind exposed ports may speak what they like, HTTP itself excepted. */
function mayUpgrade(request: IncomingMessage, address: Address): boolean {
  if (address.kind === 'server') return false;
  return (
    isWebSocket(request) ||
    (address.kind === 'port' && !/\bh2c\b|\bhttp\b|\btls\b/i.test(request.headers.upgrade ?? ''))
  );
}

function createKernel(
  server: Server,
  trustProxy: boolean,
  onHandler: (handler: RequestListener) => void,
): FastifyInstance {
  return fastify({
    // The one proxy before this server says who called it; what stands before that in the header is anybody's word.
    trustProxy: trustProxy && ((_address, hop) => hop === 0),
    serverFactory: (handler) => {
      onHandler(handler as (request: IncomingMessage, response: ServerResponse) => void); // its own HTTP/1 types
      return server;
    },
    genReqId: () => randomId(12),
    bodyLimit: 1024 * 1024,
    routerOptions: { maxParamLength: 512 },
    // Through fastify, whose own handler would cut the connection before the answer is out.
    clientErrorHandler: refuseConnection,
  });
}

function limitBody(request: IncomingMessage, response: ServerResponse): void {
  const timer = setTimeout(() => {
    if (request.complete) return;
    if (response.headersSent) return void request.destroy();
    // Should the rest come after all, it must not become a request that was answered already.
    request.removeAllListeners('data').removeAllListeners('end').resume();
    refuse(request.socket, lateBody);
  }, CONTROL_BODY_TIMEOUT_MS).unref();
  request.once('close', () => clearTimeout(timer));
}

/** How long a refused client may go on sending before its connection is cut. */
const REFUSED_LINGER_MS = 5_000;
const refused = new WeakSet<Socket>();

interface Refusal {
  status: string;
  code: string;
  message: string;
}

const largeHeaders = {
  status: '431 Request Header Fields Too Large',
  code: 'headers_too_large',
  message: `headers are limited to ${MAX_HEADER_BYTES} bytes`,
};
const late = { status: '408 Request Timeout', code: 'invalid_request' };
const lateHeaders = { ...late, message: 'the headers did not arrive in time' };
const lateBody = { ...late, message: 'the body did not arrive in time' };
const notHttp = {
  status: '400 Bad Request',
  code: 'invalid_request',
  message: 'this is not a valid HTTP request',
};

/**
 * What is not HTTP, or has too many headers, gets one line in the same words as every other error. What the client
 * still sends is read and dropped (each piece comes here as another error): a connection closed with bytes unread is
 * reset, and the client would lose the answer.
 */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (refused.has(socket) && error.code !== 'ECONNRESET') return;
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  if (error.code === 'HPE_HEADER_OVERFLOW') return refuse(socket, largeHeaders);
  refuse(socket, error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? lateHeaders : notHttp);
}

/** Answers in the place of the kernel, which knows nothing of this connection or still waits for it. */
function refuse(socket: Socket, { status, code, message }: Refusal): void {
  const body = JSON.stringify({ error: message, code, message });
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  refused.add(socket);
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
  const cut = setTimeout(() => socket.destroy(), REFUSED_LINGER_MS).unref();
  socket.once('close', () => clearTimeout(cut));
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port); // a TCP server has no other kind of address
    });
  });
}

/**
 * The connections that carry no request, WebSockets among them: those do not end by themselves. Node's own
 * `closeIdleConnections` leaves out those on which nothing was ever sent, which clients open ahead of time and which
 * would hold up a stop.
 */
function watchIdle(server: Server): ReadonlyMap<string, Socket> {
  const open = new Map<string, Socket>();
  const idle = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const key = peerOf(socket);
    open.set(key, socket);
    idle.set(key, socket);
    socket.once('close', () => {
      open.delete(key);
      idle.delete(key);
    });
  });
  server.on('request', (request, response) => {
    // Under TLS the request has another socket, but the same peer.
    const key = peerOf(request.socket);
    idle.delete(key);
    response.once('close', () => {
      const socket = open.get(key);
      if (socket !== undefined) idle.set(key, socket);
    });
  });
  return idle;
}

const peerOf = ({ remoteAddress, remotePort, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localPort}`;

async function close(
  server: Server,
  app: FastifyInstance,
  idle: ReadonlyMap<string, Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of idle.values()) socket.destroy();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
  await app.close();
}
