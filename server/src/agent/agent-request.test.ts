import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readText, requestAgent } from './agent-request.ts';
import { bindMount } from './bind.ts';
import { announceRestored } from './restored.ts';
import { runProcess } from './run-process.ts';
import { startProcess } from './start-process.ts';
import { followAgent } from './watch.ts';

/** Something in an agent's place that answers every connection in the same way. */
async function standIn(answer: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { host: '127.0.0.1', port };
}

const signal = AbortSignal.timeout(30_000);
const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n';
const process = { argv: ['true'], env: {}, workingDir: '/', user: '' };

test.each([
  ['another protocol', switched],
  ['early hints without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(20)],
  ['what is not HTTP', 'SSH-2.0-OpenSSH\r\n'],
  ['nothing', ''],
])('no call waits for an agent that answers with %s', async (_what, said) => {
  const endpoint = await standIn((socket) => socket.end(said));
  const agent = { endpoint, token: 't' };
  await expect(requestAgent(agent, { path: '/', signal })).rejects.toThrow();
  await expect(bindMount(agent, { source: '/a', target: '/b' }, signal)).rejects.toThrow();
  await expect(startProcess(endpoint, 't', {}, signal)).rejects.toThrow();
  const hooks = { onLine: () => {}, signal };
  expect(await runProcess(endpoint, 't', process, hooks)).toEqual({ kind: 'lost' });
  await followAgent(endpoint, 't', () => {}, signal);
});

test('who tells such an agent of its restore gives up when it is told to', async () => {
  const endpoint = await standIn((socket) => socket.write(switched));
  const stop = AbortSignal.timeout(100);
  const news = { suspendedMs: 0, isCopy: false };
  await expect(announceRestored(endpoint, 't', news, stop)).rejects.toThrow();
});

test('an answer that breaks right behind its head is the end of an agent that is followed', async () => {
  const broken = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n';
  const endpoint = await standIn((socket) => socket.write(broken));
  await followAgent(endpoint, 't', () => {}, signal);
});

test('an answer is read no further than it may be long', async () => {
  const endpoint = await standIn((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const pour = (): void => void socket.write('x'.repeat(64_000), () => socket.destroyed || pour());
    pour();
  });
  const answer = await requestAgent({ endpoint, token: 't' }, { path: '/', signal });
  await expect(readText(answer, 100_000)).rejects.toThrow('too long');
  expect(answer.destroyed).toBe(true);
});
