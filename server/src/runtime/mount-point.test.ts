import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isMountPoint, makeMountPoints } from './mount-point.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atoll-mount-point-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a layer of mount points has a file for the agent and a folder for its identity', async () => {
  await makeMountPoints(dir);
  await makeMountPoints(dir);
  expect((await stat(join(dir, '.atoll/agent'))).isFile()).toBe(true);
  expect((await stat(join(dir, '.atoll/identity'))).isDirectory()).toBe(true);
});

test('only what something is mounted on is a mount point', async () => {
  expect(await isMountPoint('/proc')).toBe(true);
  expect(await isMountPoint(dir)).toBe(false);
});
