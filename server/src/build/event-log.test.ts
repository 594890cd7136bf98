import { appendFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildEvent } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { createEventLogs } from './event-log.ts';
import type { LogReading } from './event-log.ts';
import type { NewBuildEvent } from './event-writer.ts';

const ID = 'build_a';
const never = new AbortController().signal;
const cancelled: NewBuildEvent = { type: 'cancelled', durationMs: 1, reason: 'the build was cancelled' };
const output = (step: number, text: string): NewBuildEvent => ({
  type: 'step_output',
  step,
  stream: 'stdout',
  text,
});

async function makeLogs(limits?: { maxStepBytes: number; maxBuildBytes: number }) {
  const dir = await tempDir();
  const failures: unknown[] = [];
  const onError = (error: unknown): void => void failures.push(error);
  const logs = createEventLogs(dir, { now: () => 5, onError, ...(limits && { limits }) });
  const read = async (follow = false, more: Partial<LogReading> = {}): Promise<BuildEvent[]> => {
    const events: BuildEvent[] = [];
    const reading = { after: 0, follow, signal: never, ...more };
    for await (const event of logs.read(ID, reading)) events.push(event);
    return events;
  };
  return { dir, logs, failures, read, path: join(dir, `${ID}.ndjson`) };
}

const textsOf = (events: BuildEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'step_output' ? [`${event.step} ${event.text}`] : []));

test('blank lines without end leave a bounded log, which says once that there was more', async () => {
  const { logs, path, read } = await makeLogs({ maxStepBytes: 20_000, maxBuildBytes: 30_000 });
  const writer = logs.open(ID);
  for (const step of [1, 2, 3]) for (let i = 0; i < 10_000; i += 1) writer.write(output(step, ''));
  for (let i = 0; i < 10_000; i += 1) writer.write({ type: 'message', message: 'again' });
  writer.write(cancelled);
  expect((await stat(path)).size).toBeLessThan(31_000);
  const events = await read();
  const notes = textsOf(events).filter((text) => text.includes('not kept'));
  expect(notes.map((text) => text[0])).toEqual(['1', '2', '3']);
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)?.type).toBe('cancelled');
});

test('a follower gets every event of a log that is written in batches', async () => {
  const { logs, read } = await makeLogs();
  const writer = logs.open(ID);
  writer.write(output(1, 'first'));
  const following = read(true);
  await new Promise((resolve) => setTimeout(resolve, 60));
  writer.write(output(1, 'second'));
  await new Promise((resolve) => setTimeout(resolve, 60));
  writer.write(cancelled);
  expect((await following).map(({ id }) => id)).toEqual([1, 2, 3]);
});

test('what was written a moment ago can be read', async () => {
  const { logs, read } = await makeLogs();
  logs.open(ID).write(output(1, 'now'));
  expect(textsOf(await read())).toEqual(['1 now']);
});

const end = { ...cancelled, id: 0, at: 9 } as BuildEvent; // with what the log adds

test('a log without an end gets the recorded one, also after half a line', async () => {
  const { path, read } = await makeLogs();
  await writeFile(path, '{"id":1,"at":1,"type":"status","status":"queued"}\n{"id":2,"at":1,"ty');
  const events = await read(true, { end });
  expect(events.map(({ id, type, at }) => [id, type, at])).toEqual([
    [1, 'status', 1],
    [2, 'cancelled', 9],
  ]);
});

test('who has seen more than the disk kept still learns the end', async () => {
  const { path, read } = await makeLogs();
  await writeFile(path, '{"id":1,"at":1,"type":"status","status":"queued"}\n');
  expect((await read(true, { end, after: 7 })).map(({ id }) => id)).toEqual([8]);
});

test('a log with an end is told once', async () => {
  const { logs, read } = await makeLogs();
  logs.open(ID).write(cancelled);
  expect((await read(true, { end })).map(({ id }) => id)).toEqual([1]);
  expect(await read(true, { end, after: 1 })).toEqual([]);
});

test('broken lines in the middle are passed over', async () => {
  const { path, read } = await makeLogs();
  await writeFile(path, '{"id":1,"type":"sta{"id":2}\n\0\0\0\n7\n');
  await appendFile(path, '{"id":3,"at":1,"type":"message","message":"m"}\n');
  expect((await read(false, { end })).map(({ id }) => id)).toEqual([3, 4]);
});

test('a log that cannot be written ends for who follows it, and throws nothing', async () => {
  const { dir, logs, failures } = await makeLogs();
  // A device that is always full.
  await symlink('/dev/full', join(dir, 'build_full.ndjson'));
  const writer = logs.open('build_full');
  writer.write(output(1, 'lost'));
  writer.flush();
  writer.write(output(1, 'lost too'));
  writer.write(cancelled);
  expect(writer.end?.type).toBe('cancelled');
  expect(failures).toHaveLength(1);
});
