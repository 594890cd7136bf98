import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../lib/log.ts';
import { tempDir } from '../../../../test/fixtures/temp-dir.ts';
import { createExportMemory } from './export-memory.ts';
import { driverPaths, slotPaths } from './slot-path.ts';

const SLOT = 'slot0001';
const MB = 2 ** 20;
const LIMIT = 300 * MB;

/** Limits as the kernel keeps them, of which `refusals` lowerings come too early, and none before `onLower`. */
async function open(refusals = 0, onLower: () => Promise<void> = () => Promise.resolve()) {
  const paths = driverPaths(await tempDir(), await tempDir());
  mkdirSync(join(paths.slotsDir, SLOT), { recursive: true });
  const limits: number[] = [LIMIT];
  const cgroups = {
    memoryLimit: () => Promise.resolve(limits.at(-1) ?? 0),
    limit: (_: string, { memoryBytes = 0 }: { memoryBytes?: number }) =>
      Promise.resolve(void limits.push(memoryBytes)),
    lowerMemory: async (_: string, bytes: number) => {
      if (refusals-- > 0) return false;
      await onLower();
      limits.push(bytes);
      return true;
    },
  };
  const memory = createExportMemory({ cgroups, paths, log: createLog('silent') });
  return { memory, limits, mark: slotPaths(paths, SLOT).waived };
}

test('a slot has room for its upper layer while that is read, and its limit afterwards', async () => {
  const { memory, limits, mark } = await open();
  expect(await memory.during(SLOT, 100 * MB, () => Promise.resolve('read'))).toBe('read');
  await expect.poll(() => limits).toEqual([LIMIT, LIMIT + 100 * MB, LIMIT]);
  await expect.poll(() => existsSync(mark)).toBe(false);
});

test('so it has where the reading fails', async () => {
  const { memory, limits } = await open();
  const fails = () => Promise.reject(new Error('cut'));
  await expect(memory.during(SLOT, 100 * MB, fails)).rejects.toThrow('cut');
  await expect.poll(() => limits.at(-1)).toBe(LIMIT);
});

test('a limit that is still too low is lowered later', async () => {
  const { memory, limits, mark } = await open(1);
  await memory.during(SLOT, 100 * MB, () => Promise.resolve());
  expect(limits.at(-1)).toBe(LIMIT + 100 * MB);
  await expect.poll(() => limits.at(-1), { timeout: 10_000 }).toBe(LIMIT);
  await expect.poll(() => existsSync(mark)).toBe(false);
});

test('what an earlier server raised is lowered', async () => {
  const { memory, limits, mark } = await open();
  writeFileSync(mark, `${200 * MB}`);
  await memory.open();
  await expect.poll(() => limits.at(-1), { timeout: 10_000 }).toBe(200 * MB);
});

test('what the host has no room for is refused, and nothing is raised', async () => {
  const { memory, limits, mark } = await open();
  const never = () => Promise.reject(new Error('it was read'));
  await expect(memory.during(SLOT, 2 ** 50, never)).rejects.toMatchObject({ code: 'host_out_of_memory' });
  expect(limits).toEqual([LIMIT]);
  expect(existsSync(mark)).toBe(false);
});

test('what has been lent for a reading is not taken back for one before it', async () => {
  const [asked, lowered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { memory, limits, mark } = await open(0, () => {
    asked.resolve();
    return lowered.promise;
  });
  const first = memory.during(SLOT, 100 * MB, () => Promise.resolve());
  await asked.promise;
  const second = memory.during(SLOT, 200 * MB, async () => {
    lowered.resolve();
    await first;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return limits.at(-1);
  });
  setTimeout(lowered.resolve, 50);
  expect(await second).toBe(LIMIT + 200 * MB);
  await expect.poll(() => limits.at(-1)).toBe(LIMIT);
  await expect.poll(() => existsSync(mark)).toBe(false);
});

test('a reading that takes less than one before it, whose memory is in use still, takes nothing back', async () => {
  const { memory, limits } = await open(1);
  await memory.during(SLOT, 200 * MB, () => Promise.resolve());
  const limit = await memory.during(SLOT, 100 * MB, () => Promise.resolve(limits.at(-1)));
  expect(limit).toBe(LIMIT + 200 * MB);
  await expect.poll(() => limits.at(-1), { timeout: 10_000 }).toBe(LIMIT);
});
