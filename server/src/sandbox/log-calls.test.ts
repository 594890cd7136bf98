import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openJournals } from '../journal/journals.ts';
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log.ts';
import { openSandboxes, opened, request, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import type { Opened } from '../../../test/fixtures/open-sandboxes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';

const everything = { filter: {}, from: 'oldest', limit: 1_000 } as const;

/** Runs a script to its end, as a client does. */
async function run({ sandboxes, workspaceId }: Opened, id: string, script: string): Promise<void> {
  const { endpoint, token, release } = await sandboxes.attach(workspaceId, id);
  const answer = await fetch(`http://${endpoint.host}:${endpoint.port}/api/v1/processes/run`, {
    method: 'POST',
    headers: { 'x-atoll-token': token, 'content-type': 'application/json' },
    body: JSON.stringify({ command: 'sh', args: ['-c', script] }),
  });
  await answer.text();
  release();
}

const textsOf = async ({ sandboxes, workspaceId }: Opened, id: string): Promise<string[]> => {
  const { entries } = await sandboxes.readLog(sandboxes.get(workspaceId, id), everything);
  return entries.map(({ entry }) => entry.text);
};

test('what was printed up to the end is there after the end', async () => {
  const server = await opened();
  const { record } = await server.sandboxes.create(server.workspaceId, request, 10_000);
  await run(server, record.id, 'seq 500; echo last >&2');
  await terminate(server, record.id);
  const texts = await textsOf(server, record.id);
  expect(texts).toHaveLength(501);
  expect(texts).toContain('last');
  const [process, ...others] = await server.sandboxes.loggedProcesses(record);
  expect(others).toEqual([]);
  expect(process).toMatchObject({ command: 'sh -c seq 500; echo last >&2', lines: 501 });
});

test('a flood costs lines, which are counted, and the sandbox is not held up', async () => {
  const server = await opened();
  const { record } = await server.sandboxes.create(server.workspaceId, request, 10_000);
  await run(server, record.id, 'seq 40000');
  const newest = async () => {
    const { entries } = await server.sandboxes.readLog(record, { filter: {}, from: 'newest', limit: 1 });
    return entries[0]?.entry.text;
  };
  await expect.poll(newest, { timeout: 30_000 }).toBe('40000');
  await terminate(server, record.id);
  let [kept, dropped, last] = [0, 0, ''];
  const following = { filter: {}, idleMs: 1_000, signal: AbortSignal.timeout(30_000) };
  for await (const one of server.sandboxes.followLog(record, following)) {
    if (one === 'idle') continue;
    if (one.entry.stream === 0) dropped += one.entry.dropped ?? 0;
    else [kept, last] = [kept + 1, one.entry.text];
  }
  expect(last).toBe('40000');
  expect(kept + dropped).toBe(40_000);
}, 60_000);

test('followers get what is there and what comes, and end with the sandbox', async () => {
  const server = await opened();
  const { sandboxes, workspaceId } = server;
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  await run(server, record.id, 'echo one; echo two');
  const following = { filter: {}, idleMs: 60_000, signal: AbortSignal.timeout(30_000) };
  const texts: string[] = [];
  const follower = (async () => {
    for await (const one of sandboxes.followLog(record, following)) {
      texts.push(one === 'idle' ? one : one.entry.text);
      if (texts.length === 2) await run(server, record.id, 'echo three');
      if (texts.length === 3) await terminate(server, record.id);
    }
  })();
  await follower;
  expect(texts).toEqual(['one', 'two', 'three']);
});

test('the next server goes on with the log where this one ended, without a line twice', async () => {
  const dir = await tempDir();
  const first = await openSandboxes(dir);
  const { record } = await first.sandboxes.create(first.workspaceId, request, 10_000);
  await run(first, record.id, 'echo before');
  await first.abandon();
  const second = await openSandboxes(dir);
  await run(second, record.id, 'echo after');
  await terminate(second, record.id);
  expect(await textsOf(second, record.id)).toEqual(['before', 'after']);
  await second.abandon();
});

test('journals of ended sandboxes go when their time is over or their room is needed, those of others stay', async () => {
  const dataDir = await tempDir();
  let now = systemClock.now();
  const journals = openJournals({
    dataDir,
    now: () => now,
    log: createLog('silent'),
    retention: { keepForMs: 1_000, maxBytes: 1_000_000 },
  });
  for (const id of ['ended', 'living']) mkdirSync(join(dataDir, 'journal', id));
  await journals.sweep(new Set(['living']));
  expect(readdirSync(join(dataDir, 'journal'))).toEqual(['ended', 'living']);
  now += 60_000;
  await journals.sweep(new Set(['living']));
  expect(readdirSync(join(dataDir, 'journal'))).toEqual(['living']);
});
