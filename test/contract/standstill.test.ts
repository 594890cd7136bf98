import { access, readFile, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { driverPaths, slotPaths } from '../../server/src/runtime/gvisor/slot-path.ts';
import { openDriverStand } from './driver-stand.ts';
import type { DriverStand, Sandbox } from './driver-stand.ts';

const SETUP_TIMEOUT_MS = 120_000;
const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('a standstill of the driver gvisor', () => {
  let stand: DriverStand;
  let sandbox: Sandbox;
  beforeAll(async () => {
    stand = await openDriverStand('gvisor');
    sandbox = await stand.newSandbox();
  }, SETUP_TIMEOUT_MS);
  afterEach(async () => {
    await stand.driver.thaw(sandbox.slot.id);
    expect(await sandbox.agent.sh('echo on')).toMatchObject({ output: 'on' });
  });
  afterAll(async () => {
    await stand.removeAll();
    await stand.close();
  }, SETUP_TIMEOUT_MS);

  const markPath = (): string => {
    const { runDir, dir } = stand.folders;
    return slotPaths(driverPaths(runDir, dir), sandbox.slot.id).paused;
  };

  test('is one, however often it is asked for, and ends with one thaw', async () => {
    const { driver } = stand;
    const { id } = sandbox.slot;
    await Promise.all([driver.freeze(id), driver.freeze(id), driver.freeze(id)]);
    expect(await sandbox.agent.isHealthy(300)).toBe(false);
    await Promise.all([driver.thaw(id), driver.thaw(id), driver.thaw(id)]);
    expect(await sandbox.agent.isHealthy()).toBe(true);
    await Promise.all([driver.freeze(id), driver.thaw(id), driver.freeze(id), driver.thaw(id)]);
    expect(await sandbox.agent.isHealthy()).toBe(true);
  });

  test.each(['pausing', 'resuming', ''])(
    'that a server left with the mark %j is found to stand, and ends',
    async (mark) => {
      await stand.driver.freeze(sandbox.slot.id);
      await writeFile(markPath(), mark);
      const next = await stand.reopenDriver();
      await next.freeze(sandbox.slot.id);
      expect(await readFile(markPath(), 'utf8')).toBe(mark === '' ? '' : 'still');
      expect(await sandbox.agent.isHealthy(300)).toBe(false);
      await next.thaw(sandbox.slot.id);
      expect(await sandbox.agent.isHealthy()).toBe(true);
    },
  );

  test.each(['pausing', 'resuming'])(
    'that a server left with the mark %j and that is none is found to be none',
    async (mark) => {
      // One that is stopped from inside is no standstill.
      const busy = sandbox.agent.sh('sleep 30 & kill -STOP $!; sleep 1; kill -KILL $!');
      await writeFile(markPath(), mark);
      const next = await stand.reopenDriver();
      await next.thaw(sandbox.slot.id);
      await expect(access(markPath())).rejects.toThrow('ENOENT');
      expect(await sandbox.agent.isHealthy()).toBe(true);
      await writeFile(markPath(), mark);
      await next.freeze(sandbox.slot.id);
      expect(await sandbox.agent.isHealthy(300)).toBe(false);
      await next.thaw(sandbox.slot.id);
      await busy;
    },
  );
});
