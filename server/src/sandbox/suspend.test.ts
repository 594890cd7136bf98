import { truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { opened, request } from '../../../test/fixtures/open-sandboxes.ts';
import { withCheckpoints } from '../../../test/fixtures/stand-in-checkpoints.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';
import { defaultAdmission, freeDiskBytes, usualLimits } from './admission.ts';
import type { Db } from '../store/db.ts';
import type { SandboxRequest } from './request.ts';
import type { SandboxesOptions } from './sandboxes.ts';

const CALL_TIMEOUT_MS = 10_000;
/** Longer than the server takes to see that a timeout has passed, and to look at what sleeps in memory. */
const LOOK_TIMEOUT_MS = 15_000;
/** More than the time between two looks at what sleeps in memory. */
const LOOK_EVERY_MS = 3_000;
const noSpace = () => Promise.reject(new Error('write pages.img: no space left on device'));

/** Sandboxes whose runtime writes checkpoints, on a host that keeps what a test says. */
async function open(
  wrap: (driver: RuntimeDriver) => RuntimeDriver = (driver) => driver,
  options?: Partial<SandboxesOptions>,
) {
  const admission = { ...defaultAdmission, reservedMemoryMb: 0, reservedDiskMb: 0 };
  const server = await opened((real) => wrap(withCheckpoints(real)), { admission, ...options });
  const { sandboxes, workspaceId } = server;
  const current = (name: string) => sandboxes.get(workspaceId, name);
  return {
    ...server,
    admission,
    current,
    create: (name: string, asked: Partial<SandboxRequest> = {}) =>
      sandboxes.create(workspaceId, { ...request, ...asked, name }, CALL_TIMEOUT_MS),
    suspend: (name: string) => sandboxes.suspend(current(name)),
    resume: (name: string) => sandboxes.resume(current(name)),
    /** As a request does. */
    ask: async (name: string) => {
      const { record, release } = await sandboxes.attach(workspaceId, name);
      release();
      return record.state;
    },
  };
}

test('a host that is short of disk suspends nothing to it, says so at once, and what runs goes on', async () => {
  const { admission, create, suspend, current, ask } = await open();
  await create('busy');
  admission.reservedDiskMb = Number.MAX_SAFE_INTEGER;
  await expect(suspend('busy')).rejects.toMatchObject({ code: 'host_out_of_disk', status: 503 });
  expect(current('busy')).toMatchObject({ state: 'running' });
  expect(current('busy').operation).toBeUndefined();
  expect(await ask('busy')).toBe('running');
  admission.reservedDiskMb = 0;
  await suspend('busy');
  expect(current('busy')).toMatchObject({ state: 'suspended', checkpointId: expect.any(String) as string });
});

test('memory that would not fit on the disk is not written, and no request is cut for it', async () => {
  let memoryBytes = 2 ** 50;
  let checkpoints = 0;
  const { admission, sandboxes, create, suspend, current, ask } = await open((real) => ({
    ...real,
    stats: async (slotId) => ({ ...(await real.stats(slotId)), memoryBytes }),
    checkpoint: (...call) => {
      checkpoints += 1;
      return real.checkpoint(...call);
    },
  }));
  await create('large');
  // Less than a sandbox of the usual size may take at most.
  const leftMb = (usualLimits.memoryMb + usualLimits.diskMb) / 2;
  admission.reservedDiskMb = Math.max(0, Math.floor(freeDiskBytes(tmpdir()) / 2 ** 20) - leftMb);
  const cut: string[] = [];
  sandboxes.onCut(({ name = '' }) => cut.push(name));
  await expect(suspend('large')).rejects.toMatchObject({ code: 'host_out_of_disk' });
  expect([checkpoints, cut]).toEqual([0, []]);
  expect(current('large')).toMatchObject({
    state: 'running',
    error: expect.stringContaining('MB') as string,
  });
  expect(await ask('large')).toBe('running');
  memoryBytes = 0;
  await suspend('large');
  expect([checkpoints, cut]).toEqual([1, ['large']]);
});

test(
  'a write in the background that fails leaves a sandbox that sleeps in memory and wakes',
  { timeout: 2 * LOOK_TIMEOUT_MS },
  async () => {
    let isFull = true;
    const { create, suspend, current, ask } = await open(
      (real) => ({ ...real, checkpoint: (...call) => (isFull ? noSpace() : real.checkpoint(...call)) }),
      { hibernateAfterMs: 0 },
    );
    await create('napper', { timeoutSecs: 1 });
    const reason = () => current('napper').error;
    await expect.poll(reason, { timeout: LOOK_TIMEOUT_MS }).toContain('the disk is full');
    expect(current('napper')).toMatchObject({ state: 'suspended', slotId: expect.any(String) as string });
    expect(current('napper').checkpointId).toBeUndefined();
    expect([await ask('napper'), current('napper').incarnation]).toEqual(['running', 1]);
    await expect.poll(() => current('napper').state, { timeout: LOOK_TIMEOUT_MS }).toBe('suspended');
    // Whoever asks for a suspend means the disk.
    await suspend('napper');
    expect(current('napper').checkpointId).toBeUndefined();
    isFull = false;
    await suspend('napper');
    expect(current('napper').checkpointId).toBeDefined();
    expect(await ask('napper')).toBe('running');
  },
);

test('sandboxes that are woken from the disk at once take turns', async () => {
  let [atOnce, most] = [0, 0];
  const { create, suspend, ask } = await open(
    (real) => ({
      ...real,
      restore: async (...call) => {
        most = Math.max(most, (atOnce += 1));
        return real.restore(...call).finally(() => (atOnce -= 1));
      },
    }),
    { maxStarts: 2 },
  );
  const names = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(names.map((name) => create(name)));
  await Promise.all(names.map(suspend));
  expect(await Promise.all(names.map(ask))).toEqual(names.map(() => 'running'));
  expect(most).toBe(2);
});

test('a wake that the host has no memory for is refused, and the sandbox sleeps on', async () => {
  const { admission, create, suspend, resume, current, ask } = await open();
  await create('sleeper');
  await suspend('sleeper');
  admission.reservedMemoryMb = Number.MAX_SAFE_INTEGER;
  await expect(ask('sleeper')).rejects.toMatchObject({ code: 'host_out_of_memory', status: 503 });
  expect(current('sleeper')).toMatchObject({ state: 'suspended', error: expect.any(String) as string });
  admission.reservedMemoryMb = 0;
  await resume('sleeper');
  expect(current('sleeper').state).toBe('running');
});

test('a wake that fails is explained, and the sandbox sleeps on', async () => {
  let isStuck = true;
  const { create, suspend, resume, current } = await open((real) => ({
    ...real,
    restore: (...call) => (isStuck ? Promise.reject(new Error('the host is stuck')) : real.restore(...call)),
  }));
  await create('sleeper');
  await suspend('sleeper');
  await expect(resume('sleeper')).rejects.toMatchObject({ code: 'start_failed' });
  expect(current('sleeper')).toMatchObject({
    state: 'suspended',
    error: expect.stringContaining('did not wake, and sleeps on') as string,
  });
  isStuck = false;
  await resume('sleeper');
  expect(current('sleeper').state).toBe('running');
});

test('one that died while it slept in memory ends with the reason once it is asked for', async () => {
  let isDead = false;
  const { create, suspend, sandboxes, workspaceId, ask } = await open((real) => ({
    ...real,
    // So that it sleeps in memory at once.
    capabilities: { ...real.capabilities, memorySnapshot: false },
    thaw: (slotId) => (isDead ? Promise.reject(new Error('the sandbox has ended')) : real.thaw(slotId)),
    state: (slotId) => (isDead ? Promise.resolve('stopped') : real.state(slotId)),
  }));
  const { record } = await create('dead');
  await suspend('dead');
  isDead = true;
  await expect(ask('dead')).rejects.toThrow();
  const ended = () => sandboxes.get(workspaceId, record.id);
  await expect.poll(() => ended().state).toBe('terminated');
  expect(ended()).toMatchObject({ terminationReason: 'agent_exited' });
  isDead = false;
});

/** A database that refuses a change, as one on a full disk does. */
const refuse = (db: Db, change: string): void =>
  void db.run(`CREATE TRIGGER refused BEFORE ${change} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
const accept = (db: Db): void => void db.run('DROP TRIGGER refused');
const countCheckpoints = (db: Db): number => db.all('SELECT id FROM checkpoints').length;

test('memory whose record cannot be written does not stay on the disk, and the sandbox goes on', async () => {
  const { db, create, suspend, current, ask } = await open();
  await create('one');
  refuse(db, 'UPDATE OF checkpoint_id ON sandboxes WHEN new.checkpoint_id IS NOT NULL');
  await expect(suspend('one')).rejects.toThrow();
  expect([current('one').state, countCheckpoints(db)]).toEqual(['running', 0]);
  accept(db);
  await suspend('one');
  expect(await ask('one')).toBe('running');
});

test('a wake whose record cannot be written leaves it asleep, with its checkpoint', async () => {
  const { db, create, suspend, resume, current, ask } = await open();
  await create('one');
  await suspend('one');
  refuse(db, 'DELETE ON checkpoint_holders');
  await expect(resume('one')).rejects.toThrow();
  expect(current('one')).toMatchObject({ state: 'suspended', checkpointId: expect.any(String) as string });
  accept(db);
  expect(await ask('one')).toBe('running');
  await expect.poll(() => countCheckpoints(db)).toBe(0);
});

test('a sandbox on disk is given up in memory though its record could not be synced', async () => {
  const { driver, create, suspend, current, ask } = await open(undefined, {
    flush: () => {
      throw new Error('the disk is full');
    },
  });
  await create('one');
  const { slotId } = current('one');
  await suspend('one');
  await expect.poll(() => driver.list()).not.toContain(slotId);
  expect(await ask('one')).toBe('running');
});

test('two who suspend what sleeps in memory get the same', async () => {
  const { create, suspend, current } = await open();
  await create('napper', { timeoutSecs: 1 });
  await expect.poll(() => current('napper').state, { timeout: LOOK_TIMEOUT_MS }).toBe('suspended');
  expect(current('napper').checkpointId).toBeUndefined();
  await Promise.all([suspend('napper'), suspend('napper')]);
  expect(current('napper').checkpointId).toBeDefined();
});

test('files of a sandbox that wakes take no memory, and what wakes beside it counts', async () => {
  const restoring = Promise.withResolvers<void>();
  const { admission, create, suspend, resume, current } = await open((real) => ({
    ...real,
    checkpoint: async (slotId, dir, ...options) => {
      await real.checkpoint(slotId, dir, ...options);
      await truncate(join(dir, 'pages.img'), 100 * 2 ** 20);
    },
    restore: (...call) => restoring.promise.then(() => real.restore(...call)),
  }));
  for (const name of ['one', 'two']) {
    await create(name, { limits: { memoryMb: 70 } });
    await suspend(name);
  }
  const first = resume('one');
  await expect.poll(() => current('one').incarnation).toBe(2);
  admission.reservedMemoryMb = Number.MAX_SAFE_INTEGER;
  await expect(resume('two')).rejects.toThrow('begin with 140 MB');
  restoring.resolve();
  await first;
  await expect(resume('two')).rejects.toThrow('begin with 70 MB');
});

test('what sleeps in memory waits there for its turn to be written, and wakes at once meanwhile', async () => {
  const written = Promise.withResolvers<void>();
  let writing = 0;
  const { create, suspend, current, ask } = await open(
    (real) => ({
      ...real,
      checkpoint: async (...call) => {
        writing += 1;
        await written.promise;
        return real.checkpoint(...call);
      },
    }),
    { hibernateAfterMs: 0 },
  );
  const others = Array.from({ length: 8 }, (_, index) => `other-${index}`);
  for (const name of others) await create(name);
  const suspended = Promise.all(others.map(suspend));
  await expect.poll(() => writing).toBe(others.length);
  await create('napper', { timeoutSecs: 1 });
  await expect.poll(() => current('napper').state, { timeout: LOOK_TIMEOUT_MS }).toBe('suspended');
  await sleep(LOOK_EVERY_MS);
  expect(current('napper').operation).toBeUndefined();
  expect([await ask('napper'), current('napper').incarnation]).toEqual(['running', 1]);
  written.resolve();
  await suspended;
}, 30_000);
