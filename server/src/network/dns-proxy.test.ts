import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../lib/log.ts';
import { readDnsFrames, writeDnsFrame } from './dns-frame.ts';
import { createDnsProxy } from './dns-proxy.ts';
import type { DnsClient, DnsProxy } from './dns-proxy.ts';
import { createDnsUpstream } from './dns-upstream.ts';

/** This process's alone, and a port that the kernel gives to nobody: tests beside this one take any of 127.0.0.1. */
const ADDRESS = `127.53.${(process.pid >> 8) & 255}.${process.pid & 255}`;
const PORT = 10_053;
const query = Buffer.from('00070100000100000000000001610000010001', 'hex');
const client: DnsClient = {
  mayResolve: () => true,
  isListed: () => false,
  maxTtlSecs: 3_600,
  admit: ({ allAddresses }) => Promise.resolve(allAddresses.includes(0xa9fea9fe) ? 'refused' : 'admitted'),
};

let upstream: UdpSocket;
let proxy: DnsProxy;
let answers: (packet: Buffer) => Buffer[];
let current: DnsClient | undefined;

/** The query as an answer with the address 192.0.2.1. */
function answer(packet: Buffer): Buffer {
  const full = Buffer.concat([packet, Buffer.from('c00c00010001000000010004c0000201', 'hex')]);
  full.writeUInt16BE(0x8180, 2);
  full.writeUInt16BE(1, 6);
  return full;
}

beforeEach(async () => {
  answers = (packet) => [answer(packet)];
  current = client;
  upstream = createSocket('udp4');
  upstream.on('message', (packet, from) => {
    for (const reply of answers(packet)) upstream.send(reply, from.port, from.address);
  });
  upstream.bind(0, ADDRESS);
  await once(upstream, 'listening');
  const resolver = { host: ADDRESS, port: upstream.address().port };
  proxy = await createDnsProxy({
    address: ADDRESS,
    port: PORT,
    upstream: createDnsUpstream({ resolvers: () => Promise.resolve([resolver]), timeoutMs: 150 }),
    clientAt: () => current,
    log: createLog('silent'),
  });
});

afterEach(async () => {
  await proxy.close();
  upstream.close();
});

async function ask(packet: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  socket.send(packet, PORT, ADDRESS);
  const [message]: Buffer[] = await once(socket, 'message', { signal: AbortSignal.timeout(3_000) });
  socket.close();
  return message ?? Buffer.alloc(0);
}

const codeOf = (message: Buffer): number => (message[3] ?? 0) & 0x0f;

test('a question is forwarded and its answer comes back under the same id', async () => {
  expect((await ask(query)).toString('hex')).toBe(answer(query).toString('hex'));
});

test('IPv6 addresses do not exist', async () => {
  const wanted = Buffer.from(query);
  wanted.writeUInt16BE(28, query.length - 4);
  const message = await ask(wanted);
  expect([codeOf(message), message.readUInt16BE(6)]).toEqual([0, 0]);
});

test('who is unknown or may not ask is refused', async () => {
  current = undefined;
  expect(codeOf(await ask(query))).toBe(5);
  current = { ...client, mayResolve: () => false };
  expect(codeOf(await ask(query))).toBe(5);
});

test('an answer comes after what it leads to has been admitted, and may be kept for a bounded time', async () => {
  const seen: string[] = [];
  current = {
    ...client,
    isListed: () => true,
    maxTtlSecs: 0,
    admit: async ({ chain, addresses }) => {
      await sleep(20);
      seen.push(...chain, ...addresses);
      return 'admitted';
    },
  };
  const message = await ask(query);
  expect(seen).toEqual(['a', '192.0.2.1']);
  expect(message.readUInt32BE(message.length - 10)).toBe(0);
});

test('a service has no records that lead past the listed destinations', async () => {
  current = { ...client, isListed: () => true };
  const wanted = Buffer.from(query);
  wanted.writeUInt16BE(65, query.length - 4);
  const message = await ask(wanted);
  expect([codeOf(message), message.readUInt16BE(6)]).toEqual([0, 0]);
});

test('where there is no room for an address, its answer is a failure', async () => {
  current = { ...client, admit: () => Promise.resolve('full') };
  expect(codeOf(await ask(query))).toBe(2);
});

test('an answer with a denied address is refused', async () => {
  answers = (packet) => {
    const evil = answer(packet);
    evil.writeUInt32BE(0xa9fea9fe, evil.length - 4);
    return [evil];
  };
  expect(codeOf(await ask(query))).toBe(5);
});

test('answers to other questions are passed over', async () => {
  answers = (packet) => {
    const other = answer(packet);
    other[13] = 0x62;
    return [other, answer(packet)];
  };
  expect(codeOf(await ask(query))).toBe(0);
});

test('a resolver that is silent or cannot be read is a server failure', async () => {
  answers = () => [];
  expect(codeOf(await ask(query))).toBe(2);
  answers = (packet) => [answer(packet).subarray(0, packet.length + 5)];
  expect(codeOf(await ask(query))).toBe(2);
});

test('one client has a bounded number of questions open', async () => {
  answers = () => [];
  const socket = createSocket('udp4');
  const codes: number[] = [];
  socket.on('message', (message) => codes.push(codeOf(message)));
  for (let index = 0; index < 80; index++) socket.send(query, PORT, ADDRESS);
  while (codes.length < 16) await once(socket, 'message', { signal: AbortSignal.timeout(3_000) });
  expect(codes.length).toBe(16);
  socket.close();
});

test('noise is not answered, and does not end the resolver', async () => {
  const socket = createSocket('udp4');
  for (const noise of [Buffer.alloc(0), Buffer.from('ff'), answer(query)]) socket.send(noise, PORT, ADDRESS);
  expect(codeOf(await ask(query))).toBe(0);
  socket.close();
});

test('a connection carries several questions and is refused politely when the resolver has no TCP', async () => {
  const socket = connect(PORT, ADDRESS);
  const codes: number[] = [];
  readDnsFrames(socket, (frame) => codes.push(codeOf(frame)));
  writeDnsFrame(socket, query);
  writeDnsFrame(socket, query);
  while (codes.length < 2) await once(socket, 'data', { signal: AbortSignal.timeout(3_000) });
  expect(codes).toEqual([2, 2]);
  socket.destroy();
});

test('a resolver without a route is a server failure, not the end of the server', async () => {
  // Connecting to the broadcast address fails at once, as any address does on a host without a route.
  const unreachable = createDnsUpstream({
    resolvers: () => Promise.resolve([{ host: '255.255.255.255', port: 53 }]),
    timeoutMs: 150,
  });
  const question = { name: 'a', type: 1, class: 1, end: query.length };
  expect(await unreachable.ask(query, question, 'udp')).toBeUndefined();
});

test('a connection is served at a bounded pace, however fast it asks', async () => {
  const wanted = Buffer.from(query);
  wanted.writeUInt16BE(28, query.length - 4);
  const frame = Buffer.concat([Buffer.from([0, wanted.length]), wanted]);
  const flood = Buffer.concat(Array.from({ length: 20_000 }, () => frame));
  const socket = connect(PORT, ADDRESS).on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  socket.write(flood);
  const started = performance.now();
  await sleep(200);
  let received = 0;
  socket.on('data', (chunk) => (received += chunk.length));
  socket.resume();
  await sleep(300);
  const elapsedMs = performance.now() - started;
  expect(received / frame.length).toBeLessThan(elapsedMs / 5 + 10);
  socket.destroy();
});

test('a query that announces more than a question can be ends the connection', async () => {
  const socket = connect(PORT, ADDRESS);
  socket.write(Buffer.from([0xff, 0xff, 0]));
  await once(socket, 'close', { signal: AbortSignal.timeout(3_000) });
});
