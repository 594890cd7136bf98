import { quantile } from '../cli/src/quantile.ts';

/** What is reported of a series of times. Milliseconds. */
export interface Summary {
  n: number;
  median: number;
  p95: number;
  p99: number;
}

export function summarize(times: readonly number[]): Summary {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    n: sorted.length,
    median: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
  };
}

/** The middle half of a series: how far single pairs stray from the median. */
export function spread(values: readonly number[]): { low: number; high: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}
