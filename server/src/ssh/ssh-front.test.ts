import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { onTestFinished, expect, test } from 'vitest';
import { createSshFront } from './ssh-front.ts';
import type { SshFront, SshFrontOptions } from './ssh-front.ts';

const LIMITS = { maxConnections: 8, maxStrangers: 4, loginTimeoutMs: 60_000, endGraceMs: 60_000 };

const listening = async (limits: Partial<SshFrontOptions>): Promise<{ front: SshFront; port: number }> => {
  const front = createSshFront({
    ...LIMITS,
    take: (socket) => void socket.resume(),
    fail: () => {},
    ...limits,
  });
  const port = await front.listen('127.0.0.1', 0);
  onTestFinished(() => front.close());
  return { front, port };
};

/** A client that says nothing, and stays when the other side ends. */
const silent = async (port: number, localAddress = '127.0.0.1'): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  socket.on('error', () => {}).resume();
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
};

const refused = (socket: Socket): Promise<unknown> => once(socket, 'end');
const own = (front: SshFront, socket: Socket) => front.find('127.0.0.1', socket.localPort!);

test('a client that says nothing is gone after its time, though it does not close', async () => {
  const { port, front } = await listening({ loginTimeoutMs: 50 });
  const socket = await silent(port);
  await once(socket, 'end');
  await expect.poll(() => own(front, socket)).toBeUndefined();
});

test('one that logged in stays', async () => {
  const { port, front } = await listening({ loginTimeoutMs: 200 });
  const [kept, stranger] = [await silent(port), await silent(port)];
  await expect.poll(() => own(front, kept)).toBeDefined();
  own(front, kept)!.keep();
  await once(stranger, 'end');
  expect(own(front, kept)).toBeDefined();
});

test('one that is told to end is gone after the grace, though it does not close', async () => {
  const { port, front } = await listening({ endGraceMs: 50 });
  const socket = await silent(port);
  await expect.poll(() => own(front, socket)).toBeDefined();
  own(front, socket)!.end();
  await expect.poll(() => own(front, socket)).toBeUndefined();
});

test('an address has so many strangers, and others are still taken', async () => {
  const { port, front } = await listening({});
  const first = await Promise.all([1, 2, 3, 4].map(() => silent(port)));
  await refused(await silent(port));
  const other = await silent(port, '127.0.0.2');
  await expect.poll(() => front.find('127.0.0.2', other.localPort!)).toBeDefined();
  own(front, first[0]!)!.keep();
  const next = await silent(port);
  await expect.poll(() => own(front, next)).toBeDefined();
});

test('no more than so many connections are taken, and a place is free again once one is gone', async () => {
  const taken: Socket[] = [];
  const { port } = await listening({ maxConnections: 2, take: (socket) => void taken.push(socket.resume()) });
  const [first] = [await silent(port), await silent(port)];
  await refused(await silent(port));
  first.destroy();
  await expect.poll(() => taken[0]?.destroyed).toBe(true);
  await silent(port);
  await expect.poll(() => taken.length).toBe(3);
});
