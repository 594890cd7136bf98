import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { pino } from 'pino';
import { createVolumeDisks } from './volume-disks.ts';

const signal = AbortSignal.timeout(60_000);

/** A mounted volume that somebody writes to, on the host's own loop devices. */
async function writtenVolume() {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-volume-'));
  const disks = createVolumeDisks({
    dataDir: join(dir, 'data'),
    runDir: join(dir, 'run'),
    log: pino({ level: 'silent' }),
  });
  onTestFinished(async () => {
    await disks.release('v');
    for (const id of await disks.list()) await disks.remove(id);
    await rm(dir, { recursive: true });
  });
  await disks.create('v', 16, signal);
  const root = await disks.hold('v', { isReadonly: false });
  return { dir, disks, root };
}

/** Thaws what is still frozen; false where nothing was. */
function thaw(root: string): boolean {
  try {
    execFileSync('fsfreeze', ['--unfreeze', root], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('copies that wait for their turn are given up with the one under way', { timeout: 60_000 }, async () => {
  const { disks, root } = await writtenVolume();
  const copies = ['one', 'two', 'three'].map((to) => disks.copy('v', to, signal));
  const reason = new Error('the writer ends');
  disks.interrupt('v', reason);
  const ended = await Promise.allSettled(copies);
  expect(ended).toEqual(copies.map(() => ({ status: 'rejected', reason })));
  expect(await disks.list()).toEqual(['v']);
  expect(thaw(root)).toBe(false);
  await disks.copy('v', 'later', signal);
  expect(await disks.isThere('later')).toBe(true);
});

test('a volume whose freezing was cut short is not left frozen', { timeout: 60_000 }, async () => {
  const { dir, disks, root } = await writtenVolume();
  const real = execFileSync('which', ['fsfreeze'], { encoding: 'utf8' }).trim();
  await writeFile(join(dir, 'fsfreeze'), `#!/bin/sh\n${real} "$@" && [ "$1" != --freeze ]\n`);
  await chmod(join(dir, 'fsfreeze'), 0o755);
  vi.stubEnv('PATH', `${dir}:${process.env['PATH']}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(disks.copy('v', 'copy', signal)).rejects.toThrow(/--freeze/);
  expect(thaw(root)).toBe(false);
});
