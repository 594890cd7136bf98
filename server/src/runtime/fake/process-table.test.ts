import { expect, test } from 'vitest';
import { parseCpuTime, processTree, readProcessTable } from './process-table.ts';
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
