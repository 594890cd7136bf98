import { expect, test } from 'vitest';
import { createSharedReading, parseCpuTime, processTree, readProcessTable } from './process-table.ts';
import type { ProcessRow } from './process-table.ts';

const row = (pid: number, parentPid: number): ProcessRow => ({
  pid,
  parentPid,
  memoryBytes: 0,
  cpuMs: 0,
  commandLine: '',
});

test('CPU time is read with hours and with days', () => {
  expect([parseCpuTime('01:02'), parseCpuTime('01:00:02'), parseCpuTime('2-01:00:00')]).toEqual([
    62, 3602, 176_400,
  ]);
});

test('a tree holds all generations below its root', () => {
  const rows = [row(1, 0), row(5, 1), row(6, 5), row(7, 6), row(8, 1)];
  expect(processTree(rows, ({ pid }) => pid === 5).map(({ pid }) => pid)).toEqual([5, 6, 7]);
});

test('the table holds this process', async () => {
  expect((await readProcessTable()).map(({ pid }) => pid)).toContain(process.pid);
});

test('who asks while a reading goes on shares the next one, also after one that failed', async () => {
  const ends: ((error?: Error) => void)[] = [];
  const read = createSharedReading(
    () =>
      new Promise<number>((resolve, reject) => {
        const number = ends.push((error) => (error ? reject(error) : resolve(number)));
      }),
  );
  const first = read();
  const later = [read(), read()];
  expect(ends).toHaveLength(1);
  ends[0]?.(new Error('lost'));
  await expect(first).rejects.toThrow('lost');
  await expect.poll(() => ends.length).toBe(2);
  const last = read();
  ends[1]?.();
  expect(await Promise.all(later)).toEqual([2, 2]);
  await expect.poll(() => ends.length).toBe(3);
  ends[2]?.();
  expect(await last).toBe(3);
});
