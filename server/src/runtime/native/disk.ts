import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/run.ts';
import { isMountPoint } from '../mount-point.ts';
import type { NativeSlotPaths } from './native-path.ts';

const TIMEOUT_MS = 30_000;
const MB = 1024 * 1024;

/**
 * No journal: after a crash of the host the sandbox is gone, so there is nothing to recover. The rest keeps what is
 * written ahead of use small: the image is sparse, and reads as zeros where nothing was written.
 */
const FORMAT = ['-q', '-F', '-m0', '-O^has_journal,^resize_inode', '-Elazy_itable_init=1,nodiscard'];

/**
 * `discard` gives what the sandbox deletes back to the host; `minixdf` lets `df` show the whole size. The loop device
 * frees itself with the last mount.
 */
const MOUNT_OPTIONS = 'loop,nodev,noatime,discard,minixdf,noinit_itable';

/**
 * Makes the sandbox's private disk: a file system of its own in a sparse file, so that the limit is exact, whatever
 * the host's file system can do.
 */
export async function createDisk(paths: NativeSlotPaths, sizeMb: number, signal: AbortSignal): Promise<void> {
  await mkdir(paths.disk, { recursive: true, mode: 0o700 });
  const image = await open(paths.diskImage, 'w', 0o600);
  await image.truncate(sizeMb * MB).finally(() => image.close());
  await run(['mkfs.ext4', ...FORMAT, paths.diskImage], { timeoutMs: TIMEOUT_MS, signal });
  await run(['mount', '-o', MOUNT_OPTIONS, paths.diskImage, paths.disk], { timeoutMs: TIMEOUT_MS, signal });
  await mkdir(join(paths.disk, 'upper'), { mode: 0o755 });
  await mkdir(join(paths.disk, 'work'), { mode: 0o755 });
}

/** Removes what `createDisk` made, as far as it is there. Lazily: a namespace that is just ending may still see it. */
export async function removeDisk(paths: NativeSlotPaths): Promise<void> {
  while (await isMountPoint(paths.disk)) {
    await run(['umount', '--lazy', paths.disk], { timeoutMs: TIMEOUT_MS });
  }
  await rm(paths.diskDir, { recursive: true, force: true });
}
