import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../lib/run.ts';
import { AGENT_PATH, IDENTITY_PATH, LATE_MOUNTS_PATH } from './oci-spec.ts';

const MOUNT_TIMEOUT_MS = 5_000;

/**
 * Fills a folder to be a layer of every rootfs: with the file and the folders over which agent, identity and late mounts are mounted.
 * A rootfs is read-only, so nobody can make them later.
 */
export async function makeMountPoints(dir: string): Promise<void> {
  for (const path of [IDENTITY_PATH, LATE_MOUNTS_PATH]) await mkdir(join(dir, path), { recursive: true });
  await mkdir(join(dir, dirname(AGENT_PATH)), { recursive: true });
  await writeFile(join(dir, AGENT_PATH), '', { flag: 'a', mode: 0o755 });
}

/**
 * Makes mounts below `dir` appear in mount namespaces that exist already, such as those of prepared sandboxes. To be
 * called before anything is mounted there; does nothing if `dir` is a shared mount from an earlier time.
 */
export async function shareMounts(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const mounted = (await readMounts()).filter((mount) => mount.mountPoint === dir);
  if (mounted.at(-1)?.isShared) return;
  if (mounted.length === 0) await run(['mount', '--bind', dir, dir], { timeoutMs: MOUNT_TIMEOUT_MS });
  await run(['mount', '--make-shared', dir], { timeoutMs: MOUNT_TIMEOUT_MS });
}

/** Undoes `shareMounts`, once nothing is mounted below. Lazily: a process that is on its way out may still stand in it. */
export async function unshareMounts(dir: string): Promise<void> {
  if (await isMountPoint(dir)) await run(['umount', '--lazy', dir], { timeoutMs: MOUNT_TIMEOUT_MS });
}

/** Whether something is mounted on this very path. */
export async function isMountPoint(path: string): Promise<boolean> {
  return (await readMounts()).some((mount) => mount.mountPoint === path);
}

interface Mount {
  mountPoint: string;
  isShared: boolean;
}

async function readMounts(): Promise<Mount[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.map((line) => {
    const [before = ''] = line.split(' - ');
    const [, , , , mountPoint = '', , ...propagation] = before.split(' ');
    return {
      mountPoint: unescape(mountPoint),
      isShared: propagation.some((tag) => tag.startsWith('shared:')),
    };
  });
}

/** The kernel writes blanks and backslashes as octal numbers. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
