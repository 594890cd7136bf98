import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { collect } from '../../../test/fixtures/collect.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { createLog } from '../lib/log.ts';
import { openJournals } from './journals.ts';
import { segmentPath } from './segments.ts';

/** Where an agent answers like that. */
async function serveAgent(answer: RequestListener): Promise<{ host: string; port: number }> {
  const agent = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(() => void agent.close());
  await once(agent, 'listening');
  const { port } = agent.address() as AddressInfo; // it listens on TCP
  return { host: '127.0.0.1', port };
}

test('an agent is asked for its journal once the moment for that has come', async () => {
  const asked: (string | undefined)[] = [];
  const endpoint = await serveAgent((request, response) => {
    asked.push(request.url?.split('?')[0]);
    response.writeHead(request.url?.startsWith('/internal/') ? 404 : 200).end();
  });
  const journals = openJournals({ dataDir: await tempDir(), now: Date.now, log: createLog('error') });
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const moment = Promise.withResolvers<void>();

  const source = { endpoint, token: 't' };
  journals.follow('sandbox', source, { after: moment.promise, signal: ending.signal });
  await fetch(`http://${endpoint.host}:${endpoint.port}/who-woke-it`);
  moment.resolve();

  await expect.poll(() => asked, { timeout: 20_000 }).toEqual(['/who-woke-it', '/internal/v1/logs']);
});

test('the journal of a sandbox that slept on disk goes on from what is there', async () => {
  const endpoint = await serveAgent(({ url = '' }, response) => {
    const after = Number(new URL(url, 'http://agent').searchParams.get('after'));
    const head = { journal: '0'.repeat(32), after };
    const line = { seq: after + 1, at: 1, process: 'p', stream: 1, text: `line ${after + 1}` };
    response.end(`${JSON.stringify(head)}\n${JSON.stringify(line)}\n`);
  });
  const dataDir = await tempDir();
  const journals = openJournals({ dataDir, now: Date.now, log: createLog('error') });
  const over = { after: Promise.resolve(), signal: AbortSignal.abort() };
  const takeOne = () => journals.follow('sandbox', { endpoint, token: 't' }, over).takeLast();
  await takeOne();
  await journals.asleep('sandbox');
  // Whoever knew the file from before would write behind this.
  await appendFile(segmentPath(join(dataDir, 'journal', 'sandbox'), 1), '{"half');
  await takeOne();
  const entries = await collect(journals.read('sandbox'));
  expect(entries.map(({ entry }) => entry.text)).toEqual(['line 1', 'line 2']);
});
