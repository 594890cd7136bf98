import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AgentLine } from '../agent/journal-stream.ts';
import { collect } from '../../../test/fixtures/collect.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { readEntries } from './journal-reader.ts';
import { JournalWriter } from './journal-writer.ts';
import { summarize } from './process-summary.ts';
import { newest, oldest } from './select-entries.ts';

const journal = 'a'.repeat(32);
const limits = { segmentBytes: 4_096, maxSegments: 3 };

const line = (seq: number, more: Partial<AgentLine> = {}): AgentLine => ({
  seq,
  at: 1_000 + seq,
  process: '1-a',
  stream: 1,
  text: `line ${seq}`,
  ...more,
});

const lines = (from: number, to: number): AgentLine[] =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index));

async function openWriter(dir: string, now: () => number = Date.now) {
  const errors: unknown[] = [];
  const writer = await JournalWriter.open({ dir, limits, now, onError: (error) => errors.push(error) });
  return { writer, errors };
}

const textsOf = async (dir: string, after?: number): Promise<string[]> =>
  (await collect(readEntries(dir, after))).map(({ entry }) => entry.text);

test('a writer goes on behind what an earlier process wrote, half a line at the end left out', async () => {
  const dir = join(await tempDir(), 'journal');
  const { writer } = await openWriter(dir);
  writer.begin({ journal, after: 0 });
  await writer.append(lines(1, 3));
  appendFileSync(join(dir, '1.ndjson'), '{"journal":"aa');
  const { writer: next } = await openWriter(dir);
  expect(next.seen).toEqual({ journal, after: 3 });
  await next.append(lines(2, 4));
  expect(await textsOf(dir)).toEqual(['line 1', 'line 2', 'line 3', 'line 4']);
});

test('a gap in the numbers leaves a remark, another journal does not', async () => {
  const dir = await tempDir();
  const { writer } = await openWriter(dir);
  writer.begin({ journal, after: 0 });
  await writer.append([line(4)]);
  writer.begin({ journal: 'b'.repeat(32), after: 20 });
  await writer.append([line(21)]);
  const [remark, ...rest] = await collect(readEntries(dir));
  expect(remark?.entry).toMatchObject({ stream: 0, dropped: 3 });
  expect(rest.map(({ entry }) => entry.seq)).toEqual([4, 21]);
});

test('a journal is bounded: the oldest segments go, and positions stay what they were', async () => {
  const dir = await tempDir();
  const { writer } = await openWriter(dir);
  writer.begin({ journal, after: 0 });
  for (let seq = 1; seq <= 300; seq += 10) await writer.append(lines(seq, seq + 9));
  expect(readdirSync(dir)).toHaveLength(limits.maxSegments);
  const kept = await collect(readEntries(dir));
  const middle = kept[Math.floor(kept.length / 2)];
  expect(kept.at(-1)?.entry.seq).toBe(300);
  expect(kept[0]?.entry.seq).toBeGreaterThan(100);
  const behind = await collect(readEntries(dir, middle?.end));
  expect(behind[0]?.entry.seq).toBe((middle?.entry.seq ?? 0) + 1);
  expect(await textsOf(dir, 1)).toHaveLength(kept.length);
});

test('each segment says what its processes are', async () => {
  const dir = await tempDir();
  const { writer } = await openWriter(dir);
  writer.begin({ journal, after: 0 });
  await writer.append([line(1, { pid: 7, command: 'sh -c x', managed_id: 'm1', managed_name: 'web' })]);
  for (let seq = 2; seq <= 300; seq += 10) await writer.append(lines(seq, seq + 9));
  const [summary, ...others] = await summarize(readEntries(dir));
  expect(others).toEqual([]);
  expect(summary).toMatchObject({ pid: 7, command: 'sh -c x', managedName: 'web', lastAt: 1_301 });
});

test('what cannot be written is left out, told once and marked, and the writer goes on', async () => {
  const dir = join(await tempDir(), 'journal');
  let now = 0;
  const { writer, errors } = await openWriter(dir, () => now);
  writer.begin({ journal, after: 0 });
  // A file where the folder should be.
  writeFileSync(dir, '');
  await writer.append(lines(1, 2));
  await writer.append(lines(3, 4));
  now = 60_000;
  await writer.append([line(5)]);
  expect(errors).toHaveLength(1);
  rmSync(dir);
  mkdirSync(dir);
  now = 120_000;
  await writer.append([line(6)]);
  const kept = await collect(readEntries(dir));
  expect(kept.map(({ entry }) => [entry.stream, entry.dropped ?? entry.text])).toEqual([
    [0, 5],
    [1, 'line 6'],
  ]);
});

test('pages follow each other without a gap or a repetition, from both ends', async () => {
  const dir = await tempDir();
  const { writer } = await openWriter(dir);
  writer.begin({ journal, after: 0 });
  await writer.append(lines(1, 40).map((one) => ({ ...one, stream: one.seq % 2 === 0 ? 1 : 2 })));
  const filter = { streams: new Set([1 as const]) };
  const first = await oldest(readEntries(dir), filter, 15);
  const second = await oldest(readEntries(dir, first.next), filter, 15);
  const seqs = [...first.entries, ...second.entries].map(({ entry }) => entry.seq);
  expect(seqs).toEqual(Array.from({ length: 20 }, (_, index) => 2 * index + 2));
  expect(second.next).toBeUndefined();
  const last = await newest(readEntries(dir), filter, 15);
  const before = await newest(readEntries(dir), filter, 15, last.next);
  expect([...before.entries, ...last.entries].map(({ entry }) => entry.seq)).toEqual(seqs);
  expect(before.next).toBeUndefined();
});

test('lines are chosen by text, time and process', async () => {
  const dir = await tempDir();
  const { writer } = await openWriter(dir);
  writer.begin({ journal, after: 0 });
  await writer.append([...lines(1, 12), line(13, { process: '2-b', text: 'other' })]);
  const chosen = async (filter: Parameters<typeof oldest>[1]) =>
    (await oldest(readEntries(dir), filter, 100)).entries.map(({ entry }) => entry.seq);
  expect(await chosen({ text: 'line 1' })).toEqual([1, 10, 11, 12]);
  expect(await chosen({ since: 1_012 })).toEqual([12, 13]);
  expect(await chosen({ processes: new Set(['2-b']) })).toEqual([13]);
});
