import { getSandbox, createSandbox, dataPlane } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { RemoteAPIError, SandboxConnectionError } from './errors.ts';
import { isRepeatable, isWorthRetrying, retry, retryPausesMs, sleep } from './retry.ts';

test('a repeatable call has six attempts within 4.65 s of pauses', () => {
  expect(retryPausesMs).toEqual([150, 300, 600, 1200, 2400]);
});

test('create, run and follow are attempted once', () => {
  const once = [createSandbox, dataPlane.runProcess, dataPlane.followOutput].map(isRepeatable);
  expect(once).toEqual([false, false, false]);
  expect([getSandbox, dataPlane.startProcess, dataPlane.writeFile].map(isRepeatable)).toEqual([
    true,
    true,
    true,
  ]);
});

test('502, 503 and 504 are worth another attempt, other answers are not', () => {
  const worth = (status: number) => isWorthRetrying(new RemoteAPIError(status, ''), 'GET');
  expect([502, 503, 504].map(worth)).toEqual([true, true, true]);
  expect([400, 401, 404, 409, 429, 500].some(worth)).toBe(false);
});

test('a POST is repeated only where nothing was sent', () => {
  const refused = new SandboxConnectionError('x', {
    cause: Object.assign(new Error('y'), { code: 'ECONNREFUSED' }),
  });
  const broken = new SandboxConnectionError('x', {
    cause: Object.assign(new Error('y'), { code: 'ECONNRESET' }),
  });
  expect(isWorthRetrying(refused, 'POST')).toBe(true);
  expect(isWorthRetrying(broken, 'POST')).toBe(false);
  expect(isWorthRetrying(broken, 'GET')).toBe(true);
});

test('attempts end with the last failure', async () => {
  let attempts = 0;
  const failing = () => Promise.reject(new Error(`attempt ${++attempts}`));
  const result = retry(failing, { pausesMs: [0, 0], isWorthRetrying: () => true });
  await expect(result).rejects.toThrow('attempt 3');
});

test('an abort ends a pause', async () => {
  const wait = sleep(60_000, AbortSignal.timeout(10));
  await expect(wait).rejects.toThrow(/timeout/i);
});
