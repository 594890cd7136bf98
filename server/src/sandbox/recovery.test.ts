import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openSandboxes, opened, request, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { createLog } from '../lib/log.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';
import { defaultAdmission } from './admission.ts';

const refuse = () => Promise.reject(new Error('the host is stuck'));

/** A driver whose starts wait until they are aborted. */
const neverStarting = (real: RuntimeDriver): RuntimeDriver => ({
  ...real,
  start: (_slot, _spec, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
});

test('a create that is refused as too busy leaves no record', async () => {
  const { sandboxes, workspaceId } = await opened((real) => real, { maxStarts: 1, maxWaiting: 1 });
  const creates = ['a', 'b', 'c'].map((name) => sandboxes.create(workspaceId, { ...request, name }, 10_000));
  const results = await Promise.allSettled(creates);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(sandboxes.list(workspaceId).map(({ name }) => name)).not.toContain('c');
});

test('a workspace has as many living sandboxes as its quota allows', async () => {
  const admission = {
    ...defaultAdmission,
    reservedMemoryMb: 0,
    reservedDiskMb: 0,
    maxLivingPerWorkspace: 1,
  };
  const { sandboxes, workspaceId } = await opened((real) => real, { admission });
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  await expect(sandboxes.create(workspaceId, request, 10_000)).rejects.toMatchObject({
    code: 'quota_exceeded',
    status: 429,
  });
  await terminate({ sandboxes, workspaceId }, record.id);
  expect((await sandboxes.create(workspaceId, request, 10_000)).kind).toBe('running');
});

test('a create that fails after its caller has gone says why in the log', async () => {
  const lines: string[] = [];
  const log = createLog('error', { write: (line) => void lines.push(line) });
  const { sandboxes, workspaceId } = await opened(
    (real) => ({
      ...real,
      start: async () => {
        await sleep(100);
        throw new Error('the disk is made of cheese');
      },
    }),
    { log },
  );
  expect((await sandboxes.create(workspaceId, request, 10)).kind).toBe('timeout');
  await expect.poll(() => lines.join()).toContain('the disk is made of cheese');
});

test('a create whose image cannot be mounted fails and lets go of its name', async () => {
  const dir = await tempDir();
  // With isolation the layers are unpacked and mounted.
  const { sandboxes, workspaceId, abandon } = await openSandboxes(dir, (real) => ({
    ...real,
    capabilities: { ...real.capabilities, isolation: 'gvisor' },
  }));
  await rm(join(dir, 'blobs'), { recursive: true });
  const create = () => sandboxes.create(workspaceId, { ...request, name: 'free' }, 10_000);
  await expect(create()).rejects.toThrow();
  expect(sandboxes.list(workspaceId)[0]).toMatchObject({ state: 'failed', name: 'free' });
  expect(() => sandboxes.get(workspaceId, 'free')).toThrow('no sandbox');
  await abandon();
});

test('a failed create whose slot cannot be freed is failed, and its slot is freed later', async () => {
  let broken = true;
  const { sandboxes, workspaceId } = await opened(
    (real) => ({
      ...real,
      start: refuse,
      remove: (slotId) => (broken ? refuse() : real.remove(slotId)),
    }),
    { recoverEveryMs: 50 },
  );
  await expect(sandboxes.create(workspaceId, request, 10_000)).rejects.toMatchObject({
    code: 'start_failed',
  });
  const current = () => sandboxes.list(workspaceId)[0];
  expect(current()).toMatchObject({ state: 'failed', slotId: expect.any(String) });
  broken = false;
  await expect.poll(() => current()?.slotId, { timeout: 3_000 }).toBeUndefined();
});

test('a terminate that failed is carried to its end without being asked for again', async () => {
  let failures = 2;
  const { sandboxes, workspaceId } = await opened(
    (real) => ({ ...real, remove: (slotId) => (failures-- > 0 ? refuse() : real.remove(slotId)) }),
    { recoverEveryMs: 50 },
  );
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  await expect(terminate({ sandboxes, workspaceId }, record.id)).rejects.toThrow('the host is stuck');
  await expect.poll(() => sandboxes.get(workspaceId, record.id).state, { timeout: 3_000 }).toBe('terminated');
});

test('a sandbox that can be neither suspended nor thawed is watched again once the host lets it go', async () => {
  let thaws = 0;
  const { sandboxes, workspaceId, driver } = await opened(
    (real) => ({
      ...real,
      freeze: refuse,
      thaw: (slotId) => (thaws++ === 0 ? refuse() : real.thaw(slotId)),
    }),
    { recoverEveryMs: 50 },
  );
  const { record } = await sandboxes.create(workspaceId, { ...request, name: 'odd' }, 10_000);
  await expect(sandboxes.suspend(sandboxes.get(workspaceId, 'odd'))).rejects.toThrow('the host is stuck');
  expect(sandboxes.get(workspaceId, 'odd').operation).toBe('suspend');
  await expect.poll(() => sandboxes.get(workspaceId, 'odd').operation, { timeout: 3_000 }).toBeUndefined();
  const { slotId } = sandboxes.get(workspaceId, 'odd');
  await driver.remove(slotId ?? '');
  await expect
    .poll(() => sandboxes.get(workspaceId, record.id).terminationReason, { timeout: 8_000 })
    .toBe('agent_exited');
}, 15_000);

test('a slot that cannot be freed keeps nobody from starting the server', async () => {
  const dir = await tempDir();
  const first = await openSandboxes(dir, (real) => ({ ...real, remove: refuse }));
  const { record } = await first.sandboxes.create(first.workspaceId, request, 10_000);
  await expect(terminate(first, record.id)).rejects.toThrow('the host is stuck');
  await first.abandon();
  let broken = true;
  const wrap = (real: RuntimeDriver): RuntimeDriver => ({
    ...real,
    remove: (slotId) => (broken ? refuse() : real.remove(slotId)),
  });
  const second = await openSandboxes(dir, wrap, { recoverEveryMs: 50 });
  expect(second.reconciled).toMatchObject({ stuck: 1 });
  broken = false;
  const state = () => second.sandboxes.get(second.workspaceId, record.id).state;
  await expect.poll(state, { timeout: 3_000 }).toBe('terminated');
  await second.abandon();
});

test('closing fails the creates that wait for their turn, and refuses new ones', async () => {
  const { sandboxes, workspaceId, abandon } = await openSandboxes(await tempDir(), neverStarting, {
    maxStarts: 1,
  });
  const creates = Promise.allSettled(
    ['a', 'b'].map((name) => sandboxes.create(workspaceId, { ...request, name }, 10_000)),
  );
  const closing = sandboxes.close(200);
  await expect(sandboxes.create(workspaceId, request, 10_000)).rejects.toMatchObject({
    code: 'shutting_down',
  });
  await closing;
  expect(await creates).toMatchObject([
    { reason: { code: 'shutting_down' } },
    { reason: { code: 'shutting_down' } },
  ]);
  expect(sandboxes.list(workspaceId).map(({ state }) => state)).toEqual(['failed', 'failed']);
  await abandon();
});

test('closing does not wait for what does not end', async () => {
  const { sandboxes, workspaceId, db } = await openSandboxes(await tempDir(), (real) => ({
    ...real,
    start: () => new Promise(() => {}),
  }));
  void sandboxes.create(workspaceId, request, 60_000).catch(() => {});
  const startedAt = Date.now();
  await sandboxes.close(100);
  expect(Date.now() - startedAt).toBeLessThan(7_000);
  expect(sandboxes.list(workspaceId)[0]?.state).toBe('pending');
  db.close();
}, 15_000);

test('sandboxes of another runtime keep the server from starting', async () => {
  const dir = await tempDir();
  const first = await openSandboxes(dir);
  const { record } = await first.sandboxes.create(first.workspaceId, request, 10_000);
  await first.abandon();
  const other = openSandboxes(dir, (real) => ({ ...real, name: 'native' }));
  await expect(other).rejects.toThrow('start with --runtime fake');
  const second = await openSandboxes(dir);
  await terminate(second, record.id);
  await second.abandon();
});

test('the idle clock of an adopted sandbox starts anew', async () => {
  const dir = await tempDir();
  const first = await openSandboxes(dir);
  const { record } = await first.sandboxes.create(first.workspaceId, { ...request, timeoutSecs: 2 }, 10_000);
  await first.abandon();
  await sleep(2_000);
  const second = await openSandboxes(dir);
  const state = () => second.sandboxes.get(second.workspaceId, record.id).state;
  await sleep(1_000);
  expect(state()).toBe('running');
  await expect.poll(state, { timeout: 4_000 }).toBe('terminated');
  await second.abandon();
}, 15_000);
