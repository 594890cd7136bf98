import { open, rm } from 'node:fs/promises';
import { publish, syncPath } from '../image/durable.ts';
import { CommandError, run } from '../lib/run.ts';
import { isMountPoint } from '../runtime/mount-point.ts';

/** The files that volumes are: each an ext4 with a journal, in a sparse file, which bounds it whatever the host can do. */

const MB = 1024 * 1024;
const COMMAND_TIMEOUT_MS = 30_000;
/** The check of a damaged file system, and growing one, read all that it says about itself. */
const REPAIR_TIMEOUT_MS = 10 * 60_000;
const COPY_TIMEOUT_MS = 30 * 60_000;

/** What is made at first use is not written ahead, so that an empty volume takes little room. */
const FORMAT = ['-q', '-F', '-m0', '-Elazy_itable_init=1,lazy_journal_init=1,nodiscard'];
/** `discard` gives what is deleted back to the host. Nothing of a volume opens a device or raises rights on the host. */
const MOUNT_OPTIONS = 'loop,nodev,nosuid,noatime,discard';

/** Beside a finished image: what becomes one. */
export const UNFINISHED = '.part';

export async function formatImage(image: string, sizeMb: number, signal: AbortSignal): Promise<void> {
  const part = `${image}${UNFINISHED}`;
  const file = await open(part, 'w', 0o600);
  await file.truncate(sizeMb * MB).finally(() => file.close());
  await run(['mkfs.ext4', ...FORMAT, part], { timeoutMs: COMMAND_TIMEOUT_MS, signal });
  await syncPath(part);
  await publish(part, image);
}

/** The copy appears whole or not at all; holes stay holes, and file systems that can share blocks do. */
export async function copyImage(from: string, to: string, signal: AbortSignal): Promise<void> {
  const part = `${to}${UNFINISHED}`;
  try {
    const argv = ['cp', '--reflink=auto', '--sparse=always', '--', from, part];
    await run(argv, { timeoutMs: COPY_TIMEOUT_MS, signal });
    await syncPath(part);
    await publish(part, to);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Finishes what a crash has cut: at once where nothing is. Only for images that nothing uses. */
export async function repairImage(image: string, { isThorough = false } = {}): Promise<void> {
  const argv = ['e2fsck', '-p', ...(isThorough ? ['-f'] : []), image];
  await run(argv, { timeoutMs: REPAIR_TIMEOUT_MS }).catch((error: unknown) => {
    // It has mended something: https://man7.org/linux/man-pages/man8/e2fsck.8.html#EXIT_CODE
    if (!(error instanceof CommandError && error.exitCode === 1)) throw error;
  });
}

/** Makes an image that nothing uses, and the file system in it, larger. Can be repeated. */
export async function growImage(image: string, sizeMb: number): Promise<void> {
  const file = await open(image, 'r+');
  try {
    const { size } = await file.stat();
    if (size < sizeMb * MB) await file.truncate(sizeMb * MB);
  } finally {
    await file.close();
  }
  await repairImage(image, { isThorough: true });
  await run(['resize2fs', image], { timeoutMs: REPAIR_TIMEOUT_MS });
}

export async function mountImage(image: string, mountPoint: string, isReadonly: boolean): Promise<void> {
  const options = `${isReadonly ? 'ro' : 'rw'},${MOUNT_OPTIONS}`;
  await run(['mount', '-t', 'ext4', '-o', options, image, mountPoint], { timeoutMs: COMMAND_TIMEOUT_MS });
}

/** Fails while something of the host still uses it, unlike a lazy one. */
export async function unmountImage(mountPoint: string): Promise<void> {
  while (await isMountPoint(mountPoint)) {
    await run(['umount', mountPoint], { timeoutMs: COMMAND_TIMEOUT_MS });
  }
}

/** Everything written so far is in the image, and whoever writes more waits for `thaw`. */
export const freezeImage = async (mountPoint: string): Promise<void> =>
  void (await run(['fsfreeze', '--freeze', mountPoint], { timeoutMs: COMMAND_TIMEOUT_MS }));

export const thawImage = async (mountPoint: string): Promise<void> =>
  void (await run(['fsfreeze', '--unfreeze', mountPoint], { timeoutMs: COMMAND_TIMEOUT_MS }));
