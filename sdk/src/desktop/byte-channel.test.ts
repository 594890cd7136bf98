import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { ByteChannel } from './byte-channel.ts';

test('messages of one byte, more than are kept one by one, are read in their order', async () => {
  const sent = Buffer.from(Array.from({ length: 20_000 }, (_, index) => index % 251));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => sent.forEach((byte) => socket.send(Buffer.from([byte]))));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const channel = new ByteChannel(new WebSocket(`ws://127.0.0.1:${port}`));
  onTestFinished(() => {
    channel.close();
    server.close();
  });
  expect((await channel.read(7)).equals(sent.subarray(0, 7))).toBe(true);
  expect((await channel.read(15_000)).equals(sent.subarray(7, 15_007))).toBe(true);
  expect((await channel.read(4_993)).equals(sent.subarray(15_007))).toBe(true);
});
