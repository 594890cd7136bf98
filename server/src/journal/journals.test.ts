import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { createLog } from '../lib/log.ts';
import { openJournals } from './journals.ts';

test('an agent is asked for its journal once the moment for that has come', async () => {
  const asked: (string | undefined)[] = [];
  const agent = createServer((request, response) => {
    asked.push(request.url?.split('?')[0]);
    response.writeHead(request.url?.startsWith('/internal/') ? 404 : 200).end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void agent.close());
  await once(agent, 'listening');
  const { port } = agent.address() as AddressInfo; // it listens on TCP
  const journals = openJournals({ dataDir: await tempDir(), now: Date.now, log: createLog('error') });
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const moment = Promise.withResolvers<void>();

  const source = { endpoint: { host: '127.0.0.1', port }, token: 't' };
  journals.follow('sandbox', source, { after: moment.promise, signal: ending.signal });
  await fetch(`http://127.0.0.1:${port}/who-woke-it`);
  moment.resolve();

  await expect.poll(() => asked, { timeout: 20_000 }).toEqual(['/who-woke-it', '/internal/v1/logs']);
});
