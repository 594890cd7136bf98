import { access, mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol/errors';
import { CommandError, run } from '../../lib/run.ts';
import { unmountDisk } from '../disk.ts';
import type { LateMount } from '../driver.ts';
import { isMountPoint, shareMounts } from '../mount-point.ts';
import { BusyError } from '../../lib/busy-error.ts';
import { LATE_MOUNTS_PATH } from '../oci-spec.ts';
import type { OciMount, OciSpec } from '../oci-spec.ts';

const TIMEOUT_MS = 5_000;

export type LateMounts = ReturnType<typeof createLateMounts>;

/**
 * What sandboxes are shown after their start. A file proxy is told its mounts at the start, so each has one folder of
 * which it also sees what the host mounts below it later. `folders` is where the server makes the mount points, `view` the
 * same, read-only, as the sandboxes have it: what they could write there would be the host's memory.
 */
export function createLateMounts(dir: string) {
  const folders = join(dir, 'folders');
  const view = join(dir, 'view');
  const folderOf = (slotId: string): string => join(view, slotId);
  const targetOf = (slotId: string, id: string): string => join(view, slotId, id);
  return {
    /** Before the first slot. What an earlier process has made stays. */
    open: async (): Promise<void> => {
      await mkdir(folders, { recursive: true, mode: 0o700 });
      await mkdir(view, { recursive: true, mode: 0o700 });
      if (!(await isSameFolder(folders, view)))
        await run(['mount', '--bind', folders, view], { timeoutMs: TIMEOUT_MS });
      await shareMounts(view);
      await run(['mount', '-o', 'remount,bind,ro', view], { timeoutMs: TIMEOUT_MS });
    },
    prepare: (slotId: string): Promise<unknown> =>
      mkdir(join(folders, slotId), { recursive: true, mode: 0o700 }),
    folderOf,
    /** Idempotent. */
    add: async (slotId: string, { id, source }: Pick<LateMount, 'id' | 'source'>): Promise<void> => {
      const target = targetOf(slotId, id);
      await mkdir(join(folders, slotId, id), { recursive: true, mode: 0o700 });
      if (!(await isMountPoint(target)))
        await run(['mount', '--bind', source, target], { timeoutMs: TIMEOUT_MS });
    },
    /** Throws `BusyError` where a file of it is open. Idempotent. */
    take: async (slotId: string, id: string): Promise<void> => {
      while (await isMountPoint(targetOf(slotId, id))) await unmount(targetOf(slotId, id));
      await rmdir(join(folders, slotId, id)).catch(() => {}); // removed with the slot
    },
    /** Of a slot in which nothing runs any more. */
    remove: async (slotId: string): Promise<void> => {
      for (const id of await readdir(join(folders, slotId)).catch(() => []))
        await unmountDisk(targetOf(slotId, id));
      await rm(join(folders, slotId), { recursive: true, force: true });
    },
    close: async (): Promise<void> => {
      await unmountDisk(view);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A view that is mounted may be that of a folder which was removed since. */
async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)]);
  return a.dev === b.dev && a.ino === b.ino;
}

async function unmount(target: string): Promise<void> {
  await run(['umount', target], { timeoutMs: TIMEOUT_MS }).catch((cause: unknown) => {
    if (cause instanceof CommandError && /busy/.test(cause.stderr))
      throw new BusyError('the mount', { cause });
    throw cause;
  });
}

/**
 * `rbind` because else a checkpoint with a mount below it is not restored; without kept look-ups because each would keep
 * the file open, and with it the disk busy, until the sandbox ends.
 */
export const lateMountsFolder = (source: string): OciMount => ({
  destination: LATE_MOUNTS_PATH,
  type: 'bind',
  source,
  options: ['rbind', 'rslave', 'rw', 'nosuid', 'nodev', 'dcache=0'],
});

/** Whether the sandbox of a bundle was started with the folder; those of earlier versions were not. */
async function hasLateMounts(configFile: string): Promise<boolean> {
  // Written by this driver alone.
  const { mounts } = JSON.parse(await readFile(configFile, 'utf8')) as OciSpec;
  return mounts.some(({ destination }) => destination === LATE_MOUNTS_PATH);
}

export async function requireLateMounts(configFile: string): Promise<void> {
  if (await hasLateMounts(configFile)) return;
  throw new ApiError('unsupported', 'the sandbox was started by a version that fixed its mounts', {
    hint: 'Create a new sandbox with the file system.',
  });
}

/** In a checkpoint, tells that its sandbox has the folder: it is restored with the mounts that it has, no more and no fewer. */
const MARK = 'late-mounts';

export async function keepMounts(configFile: string, checkpointDir: string): Promise<void> {
  if (await hasLateMounts(configFile)) await writeFile(join(checkpointDir, MARK), '');
}

export const knowsLateMounts = (checkpointDir: string): Promise<boolean> =>
  access(join(checkpointDir, MARK)).then(
    () => true,
    () => false,
  );
