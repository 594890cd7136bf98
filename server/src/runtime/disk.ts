import { mkdir, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ApiError } from '@atoll/protocol';
import { run } from '../lib/run.ts';
import { isMountPoint } from './mount-point.ts';

/** A file system of its own in a sparse file, so that its limit is exact, whatever the host's file system can do. */
export interface Disk {
  /** The file. Its folder exists. */
  image: string;
  mountPoint: string;
}

const TIMEOUT_MS = 30_000;
const SYNC_TIMEOUT_MS = 60_000;
const MB = 1024 * 1024;

/**
 * No journal: after a crash of the host what is on it is given up, so there is nothing to recover. The rest keeps what is
 * written ahead of use small: the image is sparse, and reads as zeros where nothing was written.
 */
const FORMAT = ['-q', '-F', '-m0', '-O^has_journal,^resize_inode', '-Elazy_itable_init=1,nodiscard'];

/**
 * `discard` gives what is deleted back to the host; `minixdf` lets `df` show the whole size. The loop device frees itself
 * with the last mount. What is synced goes to the host's cache and no further (`nobarrier`), as no crash of the host is
 * survived anyway.
 */
const MOUNT_OPTIONS = 'loop,nodev,noatime,discard,minixdf,noinit_itable,nobarrier';

/** Makes and mounts an empty disk. */
export async function createDisk(disk: Disk & { sizeMb: number }, signal: AbortSignal): Promise<void> {
  await mkdir(disk.mountPoint, { recursive: true, mode: 0o700 });
  const image = await open(disk.image, 'w', 0o600);
  await image.truncate(disk.sizeMb * MB).finally(() => image.close());
  await run(['mkfs.ext4', ...FORMAT, disk.image], { timeoutMs: TIMEOUT_MS, signal });
  await mountDisk(disk, signal);
}

/** Mounts a disk that was made before. */
export async function mountDisk({ image, mountPoint }: Disk, signal: AbortSignal): Promise<void> {
  await mkdir(mountPoint, { recursive: true, mode: 0o700 });
  await run(['mount', '-o', MOUNT_OPTIONS, image, mountPoint], { timeoutMs: TIMEOUT_MS, signal });
}

/**
 * Throws `host_out_of_disk` where the server's own disk was too full at some time to take what was written to this one: no
 * writer hears of that, and what is read back later may be zeros. There may be room again by now.
 */
export async function requireKept({ mountPoint }: Pick<Disk, 'mountPoint'>): Promise<void> {
  // It reports each loss since the mount, once.
  await run(['sync', '--file-system', mountPoint], { timeoutMs: SYNC_TIMEOUT_MS }).catch((cause: unknown) => {
    throw new ApiError('host_out_of_disk', 'the disk of the server became full', {
      hint: 'Try again when the operator has made room; `atoll image prune` may make some.',
      cause,
    });
  });
}

/** Lazily: a namespace that is just ending may still see it. Idempotent. */
export async function unmountDisk(mountPoint: string): Promise<void> {
  while (await isMountPoint(mountPoint)) {
    await run(['umount', '--lazy', mountPoint], { timeoutMs: TIMEOUT_MS });
  }
}

/** Removes what `createDisk` made, as far as it is there. */
export async function removeDisk({ image, mountPoint }: Disk): Promise<void> {
  await unmountDisk(mountPoint);
  await rm(image, { force: true });
}

/** What is in use of a disk that is mounted now; undefined where it is not, as the host's own would count instead. */
export async function usedBytes({ mountPoint }: Pick<Disk, 'mountPoint'>): Promise<number | undefined> {
  try {
    const [own, above] = await Promise.all([stat(mountPoint), stat(dirname(mountPoint))]);
    if (own.dev === above.dev) return undefined;
    const { blocks, bfree, bsize } = await statfs(mountPoint);
    return (blocks - bfree) * bsize;
  } catch {
    return undefined;
  }
}
