import { expect, test } from 'vitest';
import { addPoint, HISTORY_MS, runsOf } from './usage-history.ts';
import type { Point } from './usage-history.ts';

const sampleAt = (at: number, cpuMs: number) => ({
  at,
  sandboxes: [
    { sandboxId: 'a', cpuMs, memoryBytes: 7 },
    { sandboxId: 'b', cpuMs: 1, memoryBytes: 1 },
  ],
});
const history = (...samples: ReturnType<typeof sampleAt>[]): readonly Point[] =>
  samples.reduce<readonly Point[]>((points, sample) => addPoint(points, 'a', sample), []);

test('a point says what was used since the one before', () => {
  const points = history(sampleAt(0, 0), sampleAt(2_000, 1_000), sampleAt(4_000, 1_000));
  expect(points.map(({ cpus }) => cpus)).toEqual([undefined, 0.5, 0]);
});

test('what is too old is forgotten, also when nothing is added', () => {
  const points = history(sampleAt(0, 0));
  expect(addPoint(points, 'a', { at: HISTORY_MS, sandboxes: [] })).toEqual([]);
});

test('nothing is said of a pause, and no line goes over it', () => {
  const points = history(sampleAt(0, 0), sampleAt(2_000, 10), sampleAt(60_000, 60_000));
  expect(points.at(-1)?.cpus).toBeUndefined();
  expect(runsOf(points).map((run) => run.length)).toEqual([2, 1]);
});
