import type { Server as HttpServer } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';
import { isIPv4 } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { SecureContextOptions, Server as TlsServer, TLSSocket } from 'node:tls';

export interface FrontOptions {
  http: HttpServer;
  http2: Http2Server;
  /** Certificate and key; absent where a reverse proxy has them. */
  tls?: SecureContextOptions;
  /** Whether a host may be spoken to over HTTP/2. */
  offersHttp2: (serverName: string) => boolean;
}

/** Who has not said anything by then is no client. */
const FIRST_BYTES_TIMEOUT_MS = 15_000;
const TLS_HANDSHAKE = 0x16;
/** How HTTP/2 begins without TLS; no method of HTTP/1.1 does. */
const HTTP2_PREFACE = Buffer.from('PRI ');
const PLAIN_REFUSAL =
  'HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n' +
  '{"error":"this port speaks HTTPS","code":"invalid_request","message":"this port speaks HTTPS"}';

/**
 * Puts HTTP/1.1, HTTP/2 and TLS on the one port, by the first bytes of each connection. With a certificate, only this
 * machine itself may speak without it. Returns how to change the certificate.
 */
export function openFront({ http, http2, tls, offersHttp2 }: FrontOptions): {
  renew: (options: SecureContextOptions) => void;
} {
  // HTTP's own listener gets the connections that turn out to be for it.
  const serve = http.listeners('connection') as ((socket: Socket) => void)[]; // what emits `connection` takes sockets
  http.removeAllListeners('connection');
  const serveHttp = (socket: Socket): void => serve.forEach((listener) => listener.call(http, socket));
  const serveByPreface = (socket: Socket): void =>
    peek(socket, HTTP2_PREFACE.length, (first) => {
      if (first.equals(HTTP2_PREFACE)) http2.emit('connection', socket);
      else serveHttp(socket);
    });
  const secure =
    tls &&
    openTls(tls, offersHttp2, (socket) => {
      if (socket.alpnProtocol === 'h2') http2.emit('connection', socket);
      else serveHttp(socket);
    });
  http.on('connection', (socket: Socket) => {
    if (secure === undefined) return serveByPreface(socket);
    peek(socket, 1, (first) => {
      if (first[0] === TLS_HANDSHAKE) secure.emit('connection', socket);
      else if (isLoopback(socket.remoteAddress)) serveByPreface(socket);
      else socket.end(PLAIN_REFUSAL);
    });
  });
  return { renew: (options) => secure?.setSecureContext(options) };
}

function openTls(
  tls: SecureContextOptions,
  offersHttp2: (serverName: string) => boolean,
  serve: (socket: TLSSocket) => void,
): TlsServer {
  const server = createTlsServer({
    ...tls,
    minVersion: 'TLSv1.2',
    handshakeTimeout: FIRST_BYTES_TIMEOUT_MS,
    ALPNCallback: ({ servername, protocols }) => {
      if (protocols.includes('h2') && offersHttp2(servername)) return 'h2';
      return protocols.includes('http/1.1') ? 'http/1.1' : undefined;
    },
  });
  server.on('secureConnection', serve);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

/** Looks at the first bytes of a connection, or at fewer where those tell enough: it leaves them for who reads next. */
function peek(socket: Socket, count: number, decide: (first: Buffer) => void): void {
  const timer = setTimeout(() => socket.destroy(), FIRST_BYTES_TIMEOUT_MS);
  const fail = (): void => void socket.destroy();
  const settle = (first: Buffer): void => {
    clearTimeout(timer);
    socket.off('readable', look).off('end', end).off('error', fail).off('close', stop);
    decide(first);
  };
  const look = (): void => {
    const bytes: Buffer | null = socket.read();
    if (bytes === null) return;
    socket.unshift(bytes);
    const isUndecided = bytes.length < count && HTTP2_PREFACE.subarray(0, bytes.length).equals(bytes);
    if (!isUndecided) settle(bytes.subarray(0, count));
  };
  const end = (): void => settle(Buffer.alloc(0));
  const stop = (): void => clearTimeout(timer);
  socket.on('readable', look).once('end', end).once('error', fail).once('close', stop);
}

const isLoopback = (address = ''): boolean => {
  const plain = address.replace(/^::ffff:/, '');
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
};
