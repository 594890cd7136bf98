import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { collect as collectAll } from '../../../test/fixtures/collect.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { collect } from './collector.ts';
import { readEntries } from './journal-reader.ts';
import { JournalWriter } from './journal-writer.ts';
import { usualJournalLimits as limits } from './segments.ts';

test('the log of a sandbox whose agent keeps none says so, once', async () => {
  const server = createServer((_request, response) => void response.writeHead(404).end()).listen(
    0,
    '127.0.0.1',
  );
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const dir = await tempDir();
  const source = { endpoint: { host: '127.0.0.1', port }, token: 't' };
  for (const _start of [1, 2]) {
    const writer = await JournalWriter.open({ dir, limits, now: Date.now, onError: () => {} });
    await collect({ source, writer, onWritten: () => {}, signal: AbortSignal.timeout(20_000) });
  }
  const kept = await collectAll(readEntries(dir));
  expect(kept.map(({ entry }) => [entry.stream, entry.text])).toEqual([
    [0, expect.stringContaining('earlier version')],
  ]);
});
