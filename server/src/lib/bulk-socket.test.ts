import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { connectBulk, passReads } from './bulk-socket.ts';

const MEGABYTE = 1 << 20;
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    onConnection(socket);
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A connection to a server that does as told. */
async function openBulk(onConnection: (socket: Socket) => void): Promise<Socket> {
  const socket = connectBulk({ host: '127.0.0.1', port: await listen(onConnection) });
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Both ends of one connection. */
async function openPair(): Promise<{ near: Socket; far: Socket }> {
  const accepted = Promise.withResolvers<Socket>();
  const far = connect(await listen(accepted.resolve), '127.0.0.1');
  sockets.push(far);
  return { far, near: await accepted.promise };
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('a connection that is not passed on is read like any other', async () => {
  const body = randomBytes(MEGABYTE);
  const socket = await openBulk((peer) => void peer.end(body));
  const received = await socket.toArray();
  expect(digest(Buffer.concat(received))).toBe(digest(body));
});

test('what a slow reader gets is what was sent, beginning with what was read before', async () => {
  const body = randomBytes(16 * MEGABYTE + 5);
  const { near, far } = await openPair();
  const socket = await openBulk((peer) => void peer.end(body));
  await once(socket, 'readable');
  passReads(socket, near);
  socket.once('end', () => near.end());
  const received: Buffer[] = [];
  for await (const piece of far) {
    received.push(piece as Buffer);
    await nextTurn();
  }
  expect(digest(Buffer.concat(received))).toBe(digest(body));
});

test('nothing is read while a piece is being written', async () => {
  const body = randomBytes(4 * MEGABYTE);
  const socket = await openBulk((peer) => void peer.end(body));
  let pending = 0;
  const received: Buffer[] = [];
  const slow = new Writable({
    write: (piece: Buffer, _encoding, done) => {
      pending += 1;
      expect(pending).toBe(1);
      setImmediate(() => {
        received.push(Buffer.from(piece));
        pending -= 1;
        done();
      });
    },
  });
  passReads(socket, slow);
  await once(socket, 'end');
  expect(digest(Buffer.concat(received))).toBe(digest(body));
});

test('a reader that has stopped reading stops its writer', async () => {
  const { near, far } = await openPair();
  far.pause();
  const socket = await openBulk((peer) => {
    const fill = (): void => {
      while (peer.write(Buffer.alloc(MEGABYTE)));
    };
    peer.on('drain', fill);
    fill();
  });
  passReads(socket, near);
  while (near.writableLength === 0) await nextTurn();
  const held = near.writableLength;
  const readBefore = socket.bytesRead;
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  expect(held).toBeLessThanOrEqual(MEGABYTE);
  expect(socket.bytesRead).toBe(readBefore);
});
