import { expect, test } from 'vitest';
import { preferredWaitMs } from './preferred-wait.ts';

test.each([
  [undefined, 0],
  ['', 0],
  ['respond-async', 0],
  ['wait=10', 10_000],
  ['respond-async, wait=10', 10_000],
  ['Wait=1; x=y', 1_000],
  ['wait=', 0],
  ['wait=-1', 0],
  ['wait=soon', 0],
  ['await=10', 0],
  ['wait=100000', 55_000],
])('who prefers %j waits %d ms', (header, ms) => {
  expect(preferredWaitMs(header)).toBe(ms);
});
