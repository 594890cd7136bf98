import { expect, test } from 'vitest';
import { addSample } from './usage-store.ts';
import type { Uses } from './usage-store.ts';

const sample = (cpuMs: number) => ({ at: 0, sandboxes: [{ sandboxId: 'a', cpuMs, memoryBytes: 7 }] });
const none: Uses = new Map();

test('the first sample knows no processors yet', () => {
  expect(addSample(none, 0, sample(500)).get('a')).toEqual({ cpuMs: 500, memoryBytes: 7 });
});

test('two samples tell how many processors were in use between them', () => {
  expect(addSample(addSample(none, 0, sample(500)), 2_000, sample(1_500)).get('a')?.cpus).toBe(0.5);
});

test('a sandbox that began anew is not counted below zero', () => {
  expect(addSample(addSample(none, 0, sample(500)), 2_000, sample(100)).get('a')?.cpus).toBeUndefined();
});

test('two samples tell how much went through the network a second', () => {
  const at = (sentBytes: number, receivedBytes: number) => ({
    at: 0,
    sandboxes: [{ sandboxId: 'a', cpuMs: 1, memoryBytes: 7, sentBytes, receivedBytes }],
  });
  const use = addSample(addSample(none, 0, at(100, 0)), 2_000, at(2_100, 500)).get('a');
  expect(use).toMatchObject({ sentPerSecond: 1_000, receivedPerSecond: 250 });
});

test('what does not run any more is gone', () => {
  expect(addSample(addSample(none, 0, sample(1)), 2_000, { at: 0, sandboxes: [] }).size).toBe(0);
});

test('what stands still stays the same object', () => {
  const still = addSample(addSample(none, 0, sample(500)), 2_000, sample(500));
  expect(addSample(still, 2_000, sample(500)).get('a')).toBe(still.get('a'));
});
