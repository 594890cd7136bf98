import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readRun } from './process-stream.ts';

/** Answers each request with these events; tells on how many connections requests have come. */
async function serve(...events: string[]): Promise<{ url: string; connectionCount: () => number }> {
  let connectionCount = 0;
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) response.write(`data: ${event}\n\n`);
    setTimeout(() => response.end(), 20);
  });
  server.on('connection', () => (connectionCount += 1));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // TCP, by `listen`
  return { url: `http://127.0.0.1:${port}`, connectionCount: () => connectionCount };
}

async function exitOf(url: string): Promise<string | undefined> {
  for await (const event of readRun(await fetch(url))) if (event.kind === 'exited') return event.kind;
  return undefined;
}

test('a run that is read to its end leaves its connection to the next ones', async () => {
  const { url, connectionCount } = await serve('{"pid":7,"started_at":1}', '{"exit_code":0}');
  for (let run = 0; run < 5; run += 1) expect(await exitOf(url)).toBe('exited');
  expect(connectionCount()).toBeLessThanOrEqual(2);
});

test('a stream that ends before the command does is an error', async () => {
  const { url } = await serve('{"pid":7,"started_at":1}');
  await expect(exitOf(url)).rejects.toThrow('the connection ended before the command did');
});
