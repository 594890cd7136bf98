import { expect, test } from 'vitest';
import { spread, summarize } from './statistics.ts';

test('quantiles are values of the series', () => {
  const times = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(summarize(times)).toEqual({ n: 100, median: 50, p95: 95, p99: 99 });
  expect(spread(times)).toEqual({ low: 25, high: 75 });
});

test('a single time is all of its quantiles', () => {
  expect(summarize([7])).toEqual({ n: 1, median: 7, p95: 7, p99: 7 });
});
