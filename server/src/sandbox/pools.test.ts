import { expect, test, vi } from 'vitest';
import { openSandboxes, opened, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import type { Opened } from '../../../test/fixtures/open-sandboxes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';
import { defaultAdmission } from './admission.ts';

/** Most wait for sandboxes to be made in the background, which a busy machine takes its time for. */
vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 30_000 } } });

const template = { image: 'plain', limits: {} };
const admission = { ...defaultAdmission, reservedMemoryMb: 0, reservedDiskMb: 0 };

const poolsOf = ({ sandboxes, workspaceId }: Opened) => {
  const { pools } = sandboxes;
  const idle = (poolId: string): string[] =>
    pools
      .get(workspaceId, poolId)
      .containers.filter(({ isClaimed }) => !isClaimed)
      .map(({ id }) => id);
  return {
    create: async (warmContainers: number, maxContainers?: number) =>
      (
        await pools.create(workspaceId, {
          template,
          warmContainers,
          ...(maxContainers !== undefined && { maxContainers }),
        })
      ).id,
    get: (poolId: string) => pools.get(workspaceId, poolId),
    update: (poolId: string, change: object) => pools.update(workspaceId, poolId, { template, ...change }),
    delete: (poolId: string) => pools.delete(workspaceId, poolId),
    claim: async (poolId: string) => (await pools.claim(workspaceId, poolId, 10_000)).record,
    idle,
    untilIdle: (poolId: string, count: number) => expect.poll(() => idle(poolId).length).toBe(count),
  };
};

test('a claim gives out a warm sandbox under its own id, and another takes its place', async () => {
  const server = await opened();
  const pools = poolsOf(server);
  const pool = await pools.create(1);
  await pools.untilIdle(pool, 1);
  const [warm] = pools.idle(pool);
  const claimed = await pools.claim(pool);
  expect(claimed).toMatchObject({ id: warm, state: 'running', pool: { id: pool, isWarm: false } });
  expect(pools.get(pool).containers).toContainEqual({ id: warm, isClaimed: true });
  await pools.untilIdle(pool, 1);
  expect(pools.idle(pool)).not.toContain(warm);
  await terminate(server, claimed.id);
  await expect
    .poll(() => pools.get(pool).containers)
    .toEqual([{ id: pools.idle(pool)[0], isClaimed: false }]);
  await pools.delete(pool);
});

test('a warm sandbox stands still, and is nobody to see or to reach', async () => {
  const server = await opened();
  const { sandboxes, workspaceId, db } = server;
  const pools = poolsOf(server);
  const pool = await pools.create(1);
  const states = () => db.all<{ state: string }>('SELECT state FROM sandboxes').map(({ state }) => state);
  await expect.poll(states).toEqual(['suspended']);
  const [id = ''] = pools.idle(pool);
  expect(sandboxes.list(workspaceId)).toEqual([]);
  expect(() => sandboxes.get(workspaceId, id)).toThrow(/no sandbox/);
  expect(() => sandboxes.getToTerminate(workspaceId, id)).toThrow(/no sandbox/);
  await expect(sandboxes.attach(workspaceId, id)).rejects.toMatchObject({ code: 'sandbox_not_found' });
  await pools.delete(pool);
  expect(states()).toEqual(['terminated']);
  expect(sandboxes.listEnded(workspaceId, { limit: 10, direction: 'forward' })).toEqual([]);
});

test('one with an entrypoint runs a while before it stands still', async () => {
  const server = await opened((real) => real, { poolSettleMs: 700 });
  const { sandboxes, workspaceId, db } = server;
  const state = () => db.get<{ state: string }>('SELECT state FROM sandboxes')?.state;
  const entrypoint = ['sleep', '600'];
  const { id } = await sandboxes.pools.create(workspaceId, {
    template: { ...template, entrypoint },
    warmContainers: 1,
  });
  await expect.poll(state).toBe('running');
  await expect.poll(state).toBe('suspended');
  await sandboxes.pools.delete(workspaceId, id);
});

test('of twenty claims at once each gets a sandbox of its own, and no more than there may be', async () => {
  const server = await opened((real) => real, { maxStarts: 8, maxWaiting: 50 });
  const pools = poolsOf(server);
  const pool = await pools.create(3, 6);
  await pools.untilIdle(pool, 3);
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => pools.claim(pool)));
  const claimed = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  expect(new Set(claimed.map(({ id }) => id)).size).toBe(6);
  expect(claimed.map(({ state }) => state)).toEqual(Array(6).fill('running'));
  expect(refused.map(({ code }) => code)).toEqual(Array(14).fill('pool_exhausted'));
  expect(pools.get(pool).containers).toHaveLength(6);
});

test('a claim that comes before the first warm sandbox leaves no room for it', async () => {
  const server = await opened();
  const pools = poolsOf(server);
  const pool = await pools.create(1, 1);
  const claimed = await pools.claim(pool);
  expect(claimed.state).toBe('running');
  await expect(pools.claim(pool)).rejects.toMatchObject({ code: 'pool_exhausted', status: 429 });
  expect(pools.get(pool).containers).toEqual([{ id: claimed.id, isClaimed: true }]);
});

test('a claim takes over a warm sandbox that still starts', async () => {
  const server = await opened();
  const pools = poolsOf(server);
  const pool = await pools.create(1, 1);
  const starting = () =>
    server.db.get<{ id: string }>(`SELECT id FROM sandboxes WHERE state = 'pending'`)?.id;
  await expect.poll(starting, { interval: 1 }).toMatch(/./);
  const id = starting();
  const claimed = await pools.claim(pool);
  expect(claimed).toMatchObject({ id, state: 'running' });
  await expect(pools.claim(pool)).rejects.toMatchObject({ code: 'pool_exhausted', status: 429 });
});

test('a pool without warm sandboxes makes them as they are claimed', async () => {
  const server = await opened();
  const pools = poolsOf(server);
  const pool = await pools.create(0, 1);
  const claimed = await pools.claim(pool);
  await expect(pools.claim(pool)).rejects.toMatchObject({ code: 'pool_exhausted' });
  await terminate(server, claimed.id);
  expect((await pools.claim(pool)).id).not.toBe(claimed.id);
});

test('an update replaces what differs and keeps what does not', async () => {
  const server = await opened();
  const pools = poolsOf(server);
  const pool = await pools.create(2);
  await pools.untilIdle(pool, 2);
  const before = pools.idle(pool);
  await pools.update(pool, { warmContainers: 1 });
  await pools.untilIdle(pool, 1);
  expect(before).toContain(pools.idle(pool)[0]);
  await pools.update(pool, { template: { ...template, limits: { memoryMb: 256 } }, warmContainers: 1 });
  const claimed = await pools.claim(pool);
  expect(before).not.toContain(claimed.id);
  expect(claimed.limits.memoryMb).toBe(256);
});

test('a claim after an update finds room that only stale sandboxes take', async () => {
  const server = await opened();
  const pools = poolsOf(server);
  const pool = await pools.create(1, 1);
  await pools.untilIdle(pool, 1);
  await pools.update(pool, {
    template: { ...template, limits: { memoryMb: 256 } },
    warmContainers: 1,
    maxContainers: 1,
  });
  expect((await pools.claim(pool)).limits.memoryMb).toBe(256);
});

test('a new value of a secret makes warm sandboxes stale', async () => {
  const server = await opened();
  const { sandboxes, secrets, workspaceId } = server;
  secrets.set(workspaceId, [{ name: 'TOKEN', value: 'old' }]);
  const withSecret = { template: { ...template, secretNames: ['TOKEN'] }, warmContainers: 1 };
  const { id } = await sandboxes.pools.create(workspaceId, withSecret);
  const pools = poolsOf(server);
  await pools.untilIdle(id, 1);
  const [warm] = pools.idle(id);
  secrets.set(workspaceId, [{ name: 'TOKEN', value: 'new' }]);
  expect((await pools.claim(id)).id).not.toBe(warm);
  secrets.remove(workspaceId, secrets.list(workspaceId)[0]?.id ?? '');
  await expect(pools.claim(id)).rejects.toMatchObject({ code: 'secret_not_found' });
});

test('a delete is refused while a claimed sandbox lives, and wins or loses as a whole', async () => {
  const server = await opened();
  const pools = poolsOf(server);
  const pool = await pools.create(1);
  await pools.untilIdle(pool, 1);
  const claim = pools.claim(pool);
  await expect(pools.delete(pool)).rejects.toMatchObject({ code: 'pool_in_use', status: 409 });
  await terminate(server, (await claim).id);
  const deleted = pools.delete(pool);
  await expect(pools.claim(pool)).rejects.toMatchObject({ code: 'pool_not_found', status: 404 });
  await deleted;
  expect(() => pools.get(pool)).toThrow(/no pool/);
  expect(server.db.all('SELECT * FROM sandbox_pools')).toEqual([]);
});

test('pools of another workspace are none', async () => {
  const server = await opened();
  const pool = await poolsOf(server).create(0);
  const others = poolsOf({ sandboxes: server.sandboxes, workspaceId: 'another' });
  expect(() => others.get(pool)).toThrow(/no pool/);
  await expect(others.update(pool, {})).rejects.toThrow(/no pool/);
  await expect(others.delete(pool)).rejects.toThrow(/no pool/);
  await expect(others.claim(pool)).rejects.toThrow(/no pool/);
});

test.each([
  ['an image that is not there', { template: { ...template, image: 'none' } }, 'image_not_found'],
  ['a secret that is not there', { template: { ...template, secretNames: ['NONE'] } }, 'secret_not_found'],
  ['sizes that no sandbox has', { template: { ...template, limits: { memoryMb: 1 } } }, 'invalid_resources'],
  ['more warm ones than there may be', { template, warmContainers: 2, maxContainers: 1 }, 'invalid_request'],
  ['more warm ones than the quota', { template, warmContainers: 4 }, 'quota_exceeded'],
])('a pool with %s is refused', async (_what, wanted, code) => {
  const server = await opened((real) => real, { admission: { ...admission, maxWarmPerWorkspace: 3 } });
  await expect(server.sandboxes.pools.create(server.workspaceId, wanted)).rejects.toMatchObject({ code });
});

test('a workspace has as many pools as its quota allows', async () => {
  const server = await opened((real) => real, { admission: { ...admission, maxPoolsPerWorkspace: 1 } });
  const pools = poolsOf(server);
  const pool = await pools.create(0);
  await expect(pools.create(0)).rejects.toMatchObject({ code: 'quota_exceeded', status: 429 });
  await pools.delete(pool);
  await pools.create(0);
});

test('a pool that cannot be filled says why, and is tried again', async () => {
  let isStuck = true;
  const server = await opened((real: RuntimeDriver) => ({
    ...real,
    start: (...args) => (isStuck ? Promise.reject(new Error('the host is stuck')) : real.start(...args)),
  }));
  const pools = poolsOf(server);
  const pool = await pools.create(1);
  await expect.poll(() => pools.get(pool).error).toMatch(/./);
  isStuck = false;
  await pools.untilIdle(pool, 1);
  expect(pools.get(pool).error).toBeUndefined();
});

test('a warm sandbox that has died is not given out, and is replaced', async () => {
  const server = await opened((real) => real, { poolReviewEveryMs: 100 });
  const pools = poolsOf(server);
  const pool = await pools.create(1);
  await pools.untilIdle(pool, 1);
  const dead = pools.idle(pool);
  for (const slot of await slotsOf(server)) await server.driver.remove(slot);
  const claimed = await pools.claim(pool);
  expect(dead).not.toContain(claimed.id);
  await pools.untilIdle(pool, 1);
  const deadAgain = pools.idle(pool);
  for (const slot of await slotsOf(server, deadAgain)) await server.driver.remove(slot);
  await expect.poll(() => pools.idle(pool)).not.toEqual(deadAgain);
  await pools.untilIdle(pool, 1);
});

test('a server that was killed adopts warm sandboxes, makes the missing ones and carries a delete to its end', async () => {
  const dir = await tempDir();
  const before = await openSandboxes(dir);
  const kept = await poolsOf(before).create(1);
  const deleted = await poolsOf(before).create(1);
  await poolsOf(before).untilIdle(kept, 1);
  await poolsOf(before).untilIdle(deleted, 1);
  const warm = poolsOf(before).idle(kept);
  before.db.run('UPDATE sandbox_pools SET deleted_at = 1 WHERE id = ?', deleted);
  before.db.run('UPDATE sandbox_pools SET warm_containers = 2 WHERE id = ?', kept);
  await before.abandon();

  const after = await openSandboxes(dir);
  const pools = poolsOf(after);
  await pools.untilIdle(kept, 2);
  expect(pools.idle(kept)).toContain(warm[0]);
  await expect.poll(() => after.db.all('SELECT id FROM sandbox_pools')).toEqual([{ id: kept }]);
  const claimed = await pools.claim(kept);
  expect(claimed.state).toBe('running');
  await terminate(after, claimed.id);
  await pools.delete(kept);
  await after.sandboxes.close();
  expect(await after.driver.list()).toEqual([]);
});

const slotsOf = async ({ db }: Pick<Awaited<ReturnType<typeof opened>>, 'db'>, ids?: readonly string[]) =>
  db
    .all<{ id: string; slot_id: string }>(
      'SELECT id, slot_id FROM sandboxes WHERE warm = 1 AND slot_id IS NOT NULL',
    )
    .filter(({ id }) => ids === undefined || ids.includes(id))
    .map(({ slot_id }) => slot_id);
