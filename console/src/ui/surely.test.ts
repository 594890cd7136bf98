import { expect, test } from 'vitest';
import { surely } from './surely.ts';

const failing = (times: number) => {
  let calls = 0;
  const load = async (): Promise<number> => {
    calls += 1;
    if (calls <= times) throw new Error(`failure ${calls}`);
    return calls;
  };
  const pauses: number[] = [];
  return { pauses, part: surely(load, async (ms) => void pauses.push(ms)) };
};

test('what fails to load is loaded again, with longer and longer pauses', async () => {
  const { part, pauses } = failing(6);
  expect(await part()).toBe(7);
  expect(pauses).toEqual([200, 400, 800, 1_600, 3_000, 3_000]);
});

test('what never loads ends with its own reason', async () => {
  await expect(failing(100).part()).rejects.toThrow('failure 8');
});
