import { expect, test } from 'vitest';
import { readTraffic } from './traffic.ts';

test('what went through a device is counted by the kernel, both ways', async () => {
  expect(await readTraffic('lo')).toEqual({
    sentBytes: expect.any(Number),
    receivedBytes: expect.any(Number),
  });
});

test('a device that is not there has no traffic', async () => {
  expect(await readTraffic('absent0')).toBeUndefined();
});
