import { connect as connectHttp2, constants, createServer } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  Http2Session,
  Http2Server,
  Http2ServerRequest,
  OutgoingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { ApiError } from '@atoll/protocol';
import type { Address, PortAddress } from './address.ts';
import { portResponseHeaders } from './port-headers.ts';
import type { PortCall } from './port-proxy.ts';

const MAX_STREAMS = 256;
/** Sessions without a frame for this long take no new calls. */
const IDLE_MS = 60_000;

export interface Http2FrontOptions {
  readAddress: (request: Pick<IncomingMessage, 'headers' | 'url' | 'socket'>) => Address;
  handle: (request: IncomingMessage, response: ServerResponse, address: PortAddress) => Promise<void>;
}

/**
 * HTTP/2 for exposed ports, and for nothing else: any other host is answered 421, so that a browser opens another
 * connection for it instead of reusing this one.
 */
export function createHttp2Front({ readAddress, handle }: Http2FrontOptions): {
  server: Http2Server;
  close: () => void;
} {
  const sessions = new Map<ServerHttp2Session, Socket>();
  const server = createServer({ settings: { maxConcurrentStreams: MAX_STREAMS } });
  let accepting: Socket | undefined;
  server.prependListener('connection', (socket: Socket) => {
    accepting = socket;
  });
  server.on('session', (session) => {
    // Emitted while the connection is taken on.
    if (accepting !== undefined) sessions.set(session, accepting);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
    session.setTimeout(IDLE_MS * 10, () => session.destroy());
  });
  server.on('request', (request, response) => {
    const { session } = request.stream;
    const socket = session && sessions.get(session as ServerHttp2Session); // this server has no other kind
    const view = asHttp1(request);
    const address = socket && readAddress({ headers: view.headers, url: request.url, socket });
    if (address?.kind !== 'port') {
      response.writeHead(421, { 'content-type': 'application/json' });
      response.end('{"error":"HTTP/2 is for exposed ports alone","code":"invalid_request"}');
      return;
    }
    // The compatible answer has what the gateway uses of one.
    void handle(view, response as unknown as ServerResponse, address);
  });
  return { server, close: () => sessions.forEach((_socket, session) => session.destroy()) };
}

/** A request in the words of HTTP/1.1: a host, and a frame for its body. */
function asHttp1(request: Http2ServerRequest): IncomingMessage {
  const { headers } = request;
  headers.host = request.authority;
  if (!request.stream.endAfterHeaders && headers['content-length'] === undefined)
    headers['transfer-encoding'] = 'chunked';
  const distinct = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, [value].flat()] as const],
  );
  Object.defineProperty(request, 'headersDistinct', { value: Object.fromEntries(distinct) });
  return request as unknown as IncomingMessage; // with `headersDistinct`, it has what the gateway reads
}

/** The stream of a call of gRPC; other requests are answered by servers of HTTP/1.1 as well. */
export function grpcStreamOf(request: IncomingMessage): ServerHttp2Stream | undefined {
  const isGrpc = request.headers['content-type']?.startsWith('application/grpc') === true;
  if (request.httpVersionMajor !== 2 || !isGrpc) return undefined;
  return (request as unknown as Http2ServerRequest).stream; // by its version it is one
}

/** Passes a call of gRPC on over HTTP/2, trailers included, with the back-pressure of its streams. */
export async function proxyGrpc(
  request: IncomingMessage,
  stream: ServerHttp2Stream,
  call: PortCall,
): Promise<void> {
  const client = stream.session;
  if (client === undefined) return;
  const session = await sessionOf(call, client).catch((error: unknown) => refuse(stream, error));
  if (session === undefined || stream.destroyed) return;
  const { host, ...headers } = call.headers;
  delete headers['transfer-encoding'];
  const upstream = session.request({
    ...headers,
    ':method': request.method ?? 'POST',
    ':path': call.path,
    ':scheme': 'http',
    ':authority': String(host),
    te: 'trailers',
  } as OutgoingHttpHeaders);
  await join(stream, upstream, call.prefix);
}

/**
 * One session for all calls that a client's connection has to a port: a server takes so many calls on a session, and
 * who holds that many open keeps nobody else waiting.
 */
async function sessionOf(call: PortCall, client: Http2Session): Promise<ClientHttp2Session> {
  const { sessions } = call.upstream;
  const known = sessions.get(client);
  const session = await (known ?? beginSession(call, client));
  // One that ends takes no calls from then on, and is forgotten a moment later.
  if (!session.closed && !session.destroyed) return session;
  if (sessions.get(client) === known) sessions.delete(client);
  return sessions.get(client) ?? beginSession(call, client);
}

function beginSession({ upstream, connect }: PortCall, client: Http2Session): Promise<ClientHttp2Session> {
  const { sessions } = upstream;
  const forget = (): void => {
    if (sessions.get(client) === opening) sessions.delete(client);
  };
  const opening = openSession(connect, forget).then(
    (session) => {
      const detach = upstream.attach(() => session.destroy());
      const leave = (): void => session.close();
      if (client.destroyed) leave();
      else client.once('close', leave);
      session.once('close', () => {
        detach();
        client.off('close', leave);
      });
      return session;
    },
    (error: unknown) => {
      forget();
      throw error;
    },
  );
  sessions.set(client, opening);
  return opening;
}

/**
 * Not for one call alone, so none of them ends it by leaving. A session that takes no new calls may live on for as long
 * as one that it has: `onFull` comes as soon as the next call needs another.
 */
async function openSession(connect: PortCall['connect'], onFull: () => void): Promise<ClientHttp2Session> {
  const socket = await connect(new AbortController().signal);
  // What a server sends without being asked is for nobody.
  const settings = { enablePush: false };
  const session = connectHttp2('http://sandbox', { createConnection: () => socket, settings });
  const leave = (): void => {
    onFull();
    session.close();
  };
  session.on('error', () => session.destroy());
  session.on('goaway', leave);
  session.setTimeout(IDLE_MS, leave);
  session.once('close', onFull);
  return session;
}

/** Clients of gRPC read a status of their own instead of HTTP's. */
function refuse(stream: ServerHttp2Stream, error: unknown): undefined {
  if (stream.destroyed || stream.headersSent) return void stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  const message = error instanceof ApiError ? error.message : 'the gateway failed';
  const UNAVAILABLE = '14';
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': UNAVAILABLE,
      'grpc-message': message,
    },
    { endStream: true },
  );
}

/** Node throws at what HTTP/2 cannot say, and what is said here root in a sandbox has chosen. */
function attempt(work: () => void, onError: (error: unknown) => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    onError(error);
    return false;
  }
}

function join(client: ServerHttp2Stream, server: ClientHttp2Stream, prefix: string): Promise<void> {
  return new Promise((resolve) => {
    let trailers: OutgoingHttpHeaders = {};
    const refuseAnswer = (error: unknown): void => {
      server.close(constants.NGHTTP2_CANCEL);
      refuse(client, error);
    };
    server.once('response', (headers, flags) => {
      const isEnd = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      const answered = { ...portResponseHeaders(headers, prefix), ':status': headers[':status'] ?? 502 };
      if (client.destroyed) return;
      const respond = (): void => client.respond(answered, { endStream: isEnd, waitForTrailers: !isEnd });
      if (attempt(respond, refuseAnswer) && !isEnd) server.pipe(client);
    });
    server.on('trailers', (received) => (trailers = portResponseHeaders(received, prefix)));
    // The compatible answer of this stream would send its own, which are none.
    client.removeAllListeners('wantTrailers');
    client.once('wantTrailers', () => {
      if (!client.destroyed) attempt(() => client.sendTrailers(trailers), refuseAnswer);
    });
    client.pipe(server);
    server.on('error', (error) => refuse(client, error));
    server.once('close', () => {
      // What ended early ends early for the client too.
      if (server.rstCode !== constants.NGHTTP2_NO_ERROR) client.close(server.rstCode);
    });
    client.on('error', () => server.close(constants.NGHTTP2_CANCEL));
    client.once('close', () => {
      server.close(constants.NGHTTP2_CANCEL);
      resolve();
    });
  });
}
