import { expect, onTestFinished, test } from 'vitest';
import { opened, request } from '../../../test/fixtures/open-sandboxes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { createLog } from '../lib/log.ts';
import { createLoopbackNetwork } from '../network/loopback.ts';
import { createFakeDriver } from '../runtime/fake/fake-driver.ts';
import { usualLimits } from './admission.ts';
import { createSlotPool } from './slot-pool.ts';

test('a create works when every ready slot is dead', async () => {
  const readyIds = new Set<string>();
  const { sandboxes, workspaceId } = await opened(
    (real) => ({
      ...real,
      prepare: async (slot, signal) => {
        await real.prepare(slot, signal);
        // Four are the most that the fixture keeps ready.
        if (readyIds.size < 4) readyIds.add(slot.id);
      },
      start: (slot, spec, signal) =>
        readyIds.has(slot.id) ? Promise.reject(new Error('dead')) : real.start(slot, spec, signal),
    }),
    {},
    4,
  );
  await expect.poll(() => sandboxes.countReady()).toBe(4);
  expect((await sandboxes.create(workspaceId, request, 10_000)).kind).toBe('running');
});

test('a ready slot whose processes have ended is replaced', async () => {
  const log = createLog('silent');
  const real = await createFakeDriver({ runDir: await tempDir(), log });
  let dead: string | undefined;
  const stats = async (slotId: string) => ({
    cpuUsageMs: 0,
    memoryBytes: 0,
    processCount: slotId === dead ? 1 : 4,
  });
  const pool = createSlotPool({
    driver: { ...real, stats },
    network: createLoopbackNetwork(),
    log,
    usualLimits,
    minReady: 1,
    maxReady: 1,
    reviewEveryMs: 30,
  });
  onTestFinished(pool.close);
  pool.refill();
  await expect.poll(pool.readyCount).toBe(1);
  await expect.poll(() => real.list()).toHaveLength(1);
  const [first] = await real.list();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await real.list()).toEqual([first]);
  dead = first;
  await expect.poll(async () => (await real.list()).join()).not.toContain(first);
  await expect.poll(pool.readyCount).toBe(1);
});

test('who needs a slot that is being made gets it, unless they give up', async () => {
  const log = createLog('silent');
  const real = await createFakeDriver({ runDir: await tempDir(), log });
  const gates: PromiseWithResolvers<void>[] = [];
  const prepare: typeof real.prepare = async (slot, signal) => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    await real.prepare(slot, signal);
  };
  const pool = createSlotPool({
    driver: { ...real, prepare },
    network: createLoopbackNetwork(),
    log,
    usualLimits,
    minReady: 1,
    maxReady: 1,
  });
  onTestFinished(pool.close);
  const kind = { limits: usualLimits };
  pool.refill();
  await expect.poll(() => gates.length).toBe(1);
  const impatient = new AbortController();
  const gaveUp = pool.take(kind, impatient.signal);
  impatient.abort(new Error('enough'));
  await expect(gaveUp).rejects.toThrow('enough');
  const joined = pool.take(kind, AbortSignal.timeout(10_000));
  const own = pool.take({ limits: { ...usualLimits, cpus: 2 } }, AbortSignal.timeout(10_000));
  await expect.poll(() => gates.length).toBe(2);
  for (const gate of gates) gate.resolve();
  const slots = await Promise.all([joined, own]);
  expect(slots.map(({ limits }) => limits.cpus)).toEqual([usualLimits.cpus, 2]);
  await Promise.all(slots.map(({ id }) => pool.freeSurely(id)));
  // Another one is made in its place.
  await expect.poll(() => gates.length).toBe(3);
  gates[2]?.resolve();
  await expect.poll(pool.readyCount).toBe(1);
});

test('a slot that nobody owns and that could not be freed is freed later', async () => {
  const log = createLog('silent');
  const real = await createFakeDriver({ runDir: await tempDir(), log });
  let failures = 1;
  const pool = createSlotPool({
    driver: {
      ...real,
      remove: (slotId) => (failures-- > 0 ? Promise.reject(new Error('stuck')) : real.remove(slotId)),
    },
    network: createLoopbackNetwork(),
    log,
    usualLimits,
    minReady: 0,
    maxReady: 1,
    reviewEveryMs: 30,
  });
  onTestFinished(pool.close);
  const slot = await pool.take({ limits: usualLimits }, AbortSignal.timeout(1_000));
  await pool.freeSurely(slot.id);
  expect(await real.list()).toContain(slot.id);
  await expect.poll(() => real.list()).not.toContain(slot.id);
});

test('who vacates a slot does not wait for its network, which is tried again until it is gone', async () => {
  const log = createLog('silent');
  const loopback = createLoopbackNetwork();
  const held = Promise.withResolvers<void>();
  let releases = 0;
  const release = async (slotId: string): Promise<void> => {
    releases += 1;
    await held.promise;
    if (releases === 1) throw new Error('stuck');
    await loopback.release(slotId);
  };
  const driver = await createFakeDriver({ runDir: await tempDir(), log });
  const network = { ...loopback, release };
  const pool = createSlotPool({
    driver,
    network,
    log,
    usualLimits,
    minReady: 0,
    maxReady: 1,
    reviewEveryMs: 30,
  });
  onTestFinished(pool.close);
  const slot = await pool.take({ limits: usualLimits }, AbortSignal.timeout(1_000));
  await pool.vacate(slot.id);
  expect(await driver.list()).not.toContain(slot.id);
  held.resolve();
  await expect.poll(() => releases).toBeGreaterThan(1);
});
