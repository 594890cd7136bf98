import { once } from 'node:events';
import { connect as connectHttp2, createServer } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createHttp2Front, grpcStreamOf, proxyGrpc } from './port-http2.ts';
import { createPortUpstreams } from './port-upstream.ts';

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A client of a gateway before a server that answers calls of gRPC as told. */
const openGateway = (answer: (stream: ServerHttp2Stream) => void): Promise<ClientHttp2Session> =>
  openGatewayTo(createServer().on('stream', answer));

async function openGatewayTo(
  behind: Server,
  earlier?: Promise<ClientHttp2Session>,
): Promise<ClientHttp2Session> {
  const behindPort = await listen(behind);
  const upstreams = createPortUpstreams();
  const upstream = upstreams.of({ id: 'a', incarnation: 1 }, 80);
  const front = createHttp2Front({
    readAddress: () => ({ kind: 'port', identifier: 'a', port: 80, form: 'host', prefix: '' }),
    handle: async (request) => {
      const stream = grpcStreamOf(request);
      if (stream === undefined) throw new Error('a call of gRPC is expected');
      if (earlier !== undefined && stream.session) upstream.sessions.set(stream.session, earlier);
      const open = async () => {
        const socket = connect(behindPort, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      };
      const path = request.url ?? '/';
      await proxyGrpc(request, stream, { upstream, connect: open, path, headers: { host: 'a' }, prefix: '' });
    },
  });
  const port = await listen(front.server);
  const client = connectToGateway(port);
  onTestFinished(() => {
    upstreams.cutAll();
    front.close();
    front.server.close();
    behind.close();
  });
  return client;
}

function connectToGateway(port: number): ClientHttp2Session {
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  onTestFinished(() => client.destroy());
  return client;
}

const call = (client: ClientHttp2Session, path: string): ClientHttp2Stream =>
  client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });

test('a server that takes no more calls on a connection gets the next ones on another', async () => {
  const sessions = new Set<unknown>();
  const client = await openGateway((stream) => {
    sessions.add(stream.session);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.resume();
    if (sessions.size === 1) stream.session?.goaway();
    else stream.end('done');
  });
  const open = call(client, '/hold');
  await once(open, 'response');
  // The notice is read right after the answer, or with it.
  let said = '';
  while (said !== 'done') {
    const next = call(client, '/next').setEncoding('utf8').end();
    next.on('error', () => {});
    const [piece] = (await Promise.race([once(next, 'data'), once(next, 'close')])) as [string | undefined];
    said = piece ?? '';
  }
  expect(sessions.size).toBe(2);
  expect(open.destroyed).toBe(false);
  open.destroy();
});

test('a call that finds a connection just ended gets another one', async () => {
  const ended = connectHttp2('http://127.0.0.1:9');
  ended.on('error', () => {});
  ended.destroy();
  const behind = createServer().on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end('done');
  });
  const client = await openGatewayTo(behind, Promise.resolve(ended));
  const [piece] = (await once(call(client, '/next').setEncoding('utf8').end(), 'data')) as [string];
  expect(piece).toBe('done');
});

test('a client that holds as many calls open as a server takes keeps no other client waiting', async () => {
  const behind = createServer({ settings: { maxConcurrentStreams: 1 } }).on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    if (headers[':path'] === '/hold') stream.write('held');
    else stream.end('done');
  });
  const holder = await openGatewayTo(behind);
  const held = call(holder, '/hold').setEncoding('utf8');
  held.on('error', () => {});
  await once(held, 'data');
  const other = connectToGateway(holder.socket.remotePort!);
  expect(await once(call(other, '/next').setEncoding('utf8').end(), 'data')).toEqual(['done']);
});

test('a server may send nothing that it was not asked for', async () => {
  let mayPush: boolean | undefined;
  const client = await openGateway((stream) => {
    mayPush = stream.pushAllowed;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end();
  });
  const stream = call(client, '/push').resume();
  stream.end();
  await once(stream, 'close');
  expect(mayPush).toBe(false);
});

const HEADERS = 1;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUIntBE(type, 3, 1);
  head.writeUIntBE(flags, 4, 1);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header as HPACK writes it that knows none. */
const header = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
const OK = header(':status', '200');

test.each([
  ['a status that is none', header(':status', '999'), header('grpc-status', '0')],
  ['a header of HTTP/1.1', Buffer.concat([OK, header('http2-settings', 'x')]), header('grpc-status', '0')],
  ['a trailer of HTTP/1.1', OK, header('http2-settings', 'x')],
  ['a length twice', OK, Buffer.concat([header('content-length', '1'), header('content-length', '2')])],
])('%s of a hostile server ends its call and nothing else', async (_name, answer, trailers) => {
  const behind = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(Buffer.concat([frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, answer)]));
      socket.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, trailers));
    });
  });
  const client = await openGatewayTo(behind);
  const stream = call(client, '/hostile').resume();
  stream.on('error', () => {});
  stream.end();
  await once(stream, 'close', { signal: AbortSignal.timeout(30_000) }).catch((error: unknown) => {
    if (!stream.destroyed) throw error;
  });
  expect(client.closed).toBe(false);
});
