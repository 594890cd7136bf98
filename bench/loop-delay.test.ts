import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLoopDelay } from './loop-delay.ts';

test('what blocks the event loop meanwhile is its delay, and what does so in between is not', async () => {
  const blockFor = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end;);
  };
  const loopDelay = createLoopDelay();
  const look = () =>
    loopDelay.during(async () => {
      await sleep(5);
      blockFor(100);
      await sleep(5);
    });
  await look();
  blockFor(2_000);
  await look();
  expect(loopDelay.p99Ms()).toBeGreaterThan(90);
  expect(loopDelay.p99Ms()).toBeLessThan(1_900);
});
