import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SYSFS = '/sys/block';
const PAUSE_MS = 20;

/** Whether a loop device still stands on the file: the kernel frees it some time after its last mount is gone. */
async function hasLoopDevice(image: string): Promise<boolean> {
  const names = (await readdir(SYSFS)).filter((name) => name.startsWith('loop'));
  const files = names.map((name) =>
    readFile(join(SYSFS, name, 'loop', 'backing_file'), 'utf8').catch(() => ''),
  );
  return (await Promise.all(files)).some((file) => file.trimEnd() === image);
}

/**
 * Waits until nothing of the kernel uses an image that is not mounted; false if something still does after `timeoutMs`.
 * There is no event for it: mount namespaces that are just ending keep a file system for an instant.
 */
export async function awaitUnused(image: string, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (await hasLoopDevice(image)) {
    if (Date.now() > deadline) return false;
    await sleep(PAUSE_MS);
  }
  return true;
}
