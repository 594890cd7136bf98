import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { connectBulk } from '../lib/bulk-socket.ts';
import { proxyPort } from './port-proxy.ts';
import { createPortUpstreams } from './port-upstream.ts';

const MEGABYTE = 1 << 20;
const record = { id: 'a', incarnation: 1 };
const servers: Server[] = [];
const sockets = new Set<Socket>();

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A gateway before a server that answers as told, byte by byte. */
async function openGateway(
  answer: (socket: Socket) => void,
): Promise<{ port: number; accepted: () => number }> {
  let accepted = 0;
  const answering = createTcpServer((socket) => {
    accepted += 1;
    socket.on('data', () => answer(socket));
  });
  const behind = await listen(answering);
  const upstream = createPortUpstreams().of(record, 80);
  const open = async (): Promise<Socket> => {
    const socket = connectBulk({ host: '127.0.0.1', port: behind });
    await once(socket, 'connect');
    return socket;
  };
  const front = createServer((incoming, response) => {
    const call = { upstream, connect: open, path: '/', headers: { host: 'a' }, prefix: '' };
    proxyPort(incoming, response, call).catch(() => response.destroy());
  });
  return { port: await listen(front), accepted: () => accepted };
}

async function ask(
  port: number,
  method = 'GET',
  headers: OutgoingHttpHeaders = {},
): Promise<IncomingMessage> {
  const call = request({ port, host: '127.0.0.1', method, headers, agent: false }).end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  return answer;
}

async function digest(answer: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of answer) hash.update(piece as Buffer);
  return hash.digest('hex');
}

const head = (length: number, ...more: string[]): string =>
  ['HTTP/1.1 200 OK', `Content-Length: ${length}`, ...more, '', ''].join('\r\n');

const body = randomBytes(5 * MEGABYTE + 17);
const whole = createHash('sha256').update(body).digest('hex');

test.each([
  [
    'in one piece with its head',
    (socket: Socket) => socket.write(Buffer.concat([Buffer.from(head(body.length)), body])),
  ],
  [
    'after its head',
    (socket: Socket) => void (socket.write(head(body.length)), setImmediate(() => socket.write(body))),
  ],
  ['by a server that closes', (socket: Socket) => void (socket.write(head(body.length)), socket.end(body))],
  [
    'with more than its length',
    (socket: Socket) => void (socket.write(head(body.length)), socket.write(body), socket.write('more')),
  ],
])('a large body sent %s arrives as it is', async (_how, answer) => {
  const { port } = await openGateway(answer);
  expect(await digest(await ask(port))).toBe(whole);
});

test.each([
  ['ends', (socket: Socket) => socket.end(body.subarray(0, 2 * MEGABYTE))],
  [
    'is reset',
    (socket: Socket) => socket.write(body.subarray(0, 2 * MEGABYTE), () => socket.resetAndDestroy()),
  ],
])('a large body whose connection %s before its time breaks off for the client', async (_how, breakOff) => {
  const { port } = await openGateway((socket) => {
    socket.write(head(body.length));
    breakOff(socket);
  });
  await expect(ask(port).then(digest)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('an answer to HEAD has a length and no body, and its connection is used again', async () => {
  const { port, accepted } = await openGateway((socket) => socket.write(head(64 * MEGABYTE)));
  for (let round = 0; round < 2; round += 1) {
    const answer = await ask(port, 'HEAD');
    expect(answer.headers['content-length']).toBe(String(64 * MEGABYTE));
    await answer.resume().toArray();
  }
  expect(accepted()).toBe(1);
});

test('the connection of a client lives on after a large body', async () => {
  const { port } = await openGateway((socket) => void (socket.write(head(body.length)), socket.write(body)));
  const client = connect(port, '127.0.0.1');
  sockets.add(client);
  let received = 0;
  client.on('data', (piece: Buffer) => (received += piece.length));
  for (let round = 1; round <= 2; round += 1) {
    const before = received;
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    while (received - before < body.length) await once(client, 'data');
  }
  expect(client.destroyed).toBe(false);
});

test('a client that leaves ends the connection behind', async () => {
  const closed = Promise.withResolvers<void>();
  const { port } = await openGateway((socket) => {
    socket.once('close', () => closed.resolve());
    socket.write(head(1024 * MEGABYTE));
    socket.write(body);
  });
  const answer = await ask(port);
  await once(answer, 'data');
  answer.destroy();
  await closed.promise;
});
