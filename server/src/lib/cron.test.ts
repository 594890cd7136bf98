import { expect, test } from 'vitest';
import { nextCronTime } from './cron.ts';

const next = (expression: string, after: string): string | undefined => {
  const at = nextCronTime(expression, Date.parse(after));
  return at === undefined ? undefined : new Date(at).toISOString().slice(0, 16);
};

test.each([
  ['0 8 * * *', '2026-11-22T07:59:30Z', '2026-11-22T08:00'],
  ['0 8 * * *', '2026-11-22T08:00:00Z', '2026-11-23T08:00'],
  ['*/15 * * * *', '2026-11-22T23:46:00Z', '2026-11-23T00:00'],
  ['5-10/5 0 * * *', '2026-11-22T00:05:00Z', '2026-11-22T00:10'],
  ['0 0 29 2 *', '2026-11-22T00:00:00Z', '2028-02-29T00:00'],
  ['0 0 * * mon-fri', '2026-11-20T12:00:00Z', '2026-11-23T00:00'],
  ['0 0 * * 7', '2026-11-22T12:00:00Z', '2026-11-29T00:00'],
  ['0 0 13 * fri', '2026-11-22T12:00:00Z', '2026-11-27T00:00'],
  ['@monthly', '2026-12-31T23:59:59Z', '2027-01-01T00:00'],
  ['0 0 31 11 *', '2026-11-22T12:00:00Z', undefined],
])('%s after %s is %s', (expression, after, expected) => {
  expect(next(expression, after)).toBe(expected);
});

test.each([
  '',
  '* * * *',
  '60 * * * *',
  '* 24 * * *',
  '5-1 * * * *',
  '*/0 * * * *',
  '1-2-3 * * * *',
  'a * * * *',
  '* * * * * *',
])('%j is no expression', (expression) => {
  expect(() => next(expression, '2026-01-01T00:00:00Z')).toThrow(RangeError);
});
