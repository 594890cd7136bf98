import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { Agent, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createUpstreams } from './upstream.ts';

/** A server that answers `/` at once and `/slow` after a while, and counts its connections. */
async function openServer() {
  const server = createServer((asked, answer) => {
    setTimeout(() => answer.end('ok'), asked.url === '/slow' ? 300 : 0);
  });
  let connections = 0;
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  // An address of a TCP server is never a path.
  const { port } = server.address() as AddressInfo;
  const ask = async (agent: Agent, path: string): Promise<number | undefined> => {
    const call = request({ host: '127.0.0.1', port, path, agent }).end();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      call.once('response', resolve).once('error', reject);
    });
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode;
  };
  return { ask, connections: () => connections };
}

test('a connection is used again until nobody has used it for a while', async () => {
  const { ask, connections } = await openServer();
  const upstreams = createUpstreams(100);
  onTestFinished(upstreams.cutAll);
  const agent = upstreams.of({ id: 'a', incarnation: 1 });
  await ask(agent, '/');
  await ask(agent, '/');
  expect(connections()).toBe(1);
  await sleep(250);
  await ask(agent, '/');
  expect(connections()).toBe(2);
});

test('an answer may take longer than a connection is kept', async () => {
  const { ask } = await openServer();
  const upstreams = createUpstreams(100);
  onTestFinished(upstreams.cutAll);
  expect(await ask(upstreams.of({ id: 'a', incarnation: 1 }), '/slow')).toBe(200);
});
