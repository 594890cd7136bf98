import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../lib/log.ts';
import { run } from '../lib/run.ts';
import { shareMounts, unshareMounts } from '../runtime/mount-point.ts';
import { mountOverlay, OVERLAY_LINKS } from '../runtime/overlay-mount.ts';
import { parseDigest } from './digest.ts';
import { createKeyedQueue } from '../lib/keyed-queue.ts';

export interface RootfsMounts {
  /** Path of the mounted overlay of these layer trees, two or more, lowest first; mounts it unless it is. */
  acquire(manifestDigest: string, trees: readonly string[]): Promise<string>;
  release(manifestDigest: string): Promise<void>;
  /** Unmounts an image's file system unless somebody holds it. */
  forget(manifestDigest: string): Promise<void>;
  /** Unmounts what is neither held nor among these paths. */
  reconcile(inUse: Iterable<string>): Promise<void>;
  /** Lets slots that are made before an image is mounted see its mount. Needs root. */
  share(): Promise<void>;
  /** Ends the sharing, unless something is still mounted. */
  unshare(): Promise<void>;
}

interface Options {
  /** Holds one mount point per image. Survives restarts of the server while the host is up. */
  dir: string;
  /** How many mounts without a user are kept for the next sandbox of their image. */
  maxIdle?: number;
  log: Log;
}

const MOUNT_TIMEOUT_MS = 10_000;

/**
 * One read-only overlay mount per image, shared by all its sandboxes. A mount is found by its path alone, so
 * a restarted server takes over the ones that its sandboxes still use.
 */
export function createRootfsMounts({ dir, maxIdle = 16, log }: Options): RootfsMounts {
  const holders = new Map<string, number>();
  /** Mounts without holder, the longest idle first. */
  const idle = new Set<string>();
  const oneAtATime = createKeyedQueue();
  const pathOf = (digest: string): string => join(dir, directoryName(digest));

  const unmount = async (digest: string): Promise<void> => {
    if (holders.has(digest)) return;
    idle.delete(digest);
    await unmountPath(pathOf(digest)).catch((error: unknown) =>
      log.warn({ err: error, digest }, 'rootfs stays mounted'),
    );
  };
  const trim = async (): Promise<void> => {
    for (const digest of [...idle].slice(0, Math.max(0, idle.size - maxIdle))) {
      await oneAtATime(digest, () => unmount(digest));
    }
  };
  return {
    acquire: (digest, trees) =>
      oneAtATime(digest, async () => {
        if (!isMounted(pathOf(digest))) {
          await mountOverlay({ lowers: trees, path: pathOf(digest), tempDir: dir });
        }
        idle.delete(digest);
        holders.set(digest, (holders.get(digest) ?? 0) + 1);
        return pathOf(digest);
      }),
    async release(digest) {
      const count = (holders.get(digest) ?? 0) - 1;
      if (count > 0) return void holders.set(digest, count);
      holders.delete(digest);
      idle.add(digest);
      await trim();
    },
    forget: (digest) => oneAtATime(digest, () => unmount(digest)),
    async reconcile(inUse) {
      const keep = new Set(inUse);
      const names = existsSync(dir) ? await readdir(dir) : [];
      for (const name of names.filter((name) => !keep.has(join(dir, name)))) {
        if (name.startsWith(OVERLAY_LINKS)) await rm(join(dir, name), { recursive: true, force: true });
        else await oneAtATime(digestOf(name), () => unmount(digestOf(name)));
      }
    },
    share: () => shareMounts(dir),
    async unshare() {
      if ((await readdir(dir)).length === 0) await unshareMounts(dir);
    },
  };
}

/** No colon: it separates directories in the options of an overlay that has this one below it. */
const directoryName = (digest: string): string => {
  const { algorithm, hex } = parseDigest(digest);
  return `${algorithm}-${hex}`;
};
const digestOf = (name: string): string => name.replace('-', ':');

function isMounted(path: string): boolean {
  const escaped = path.replaceAll(
    /[ \t\n\\]/g,
    (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${escaped} `);
}

async function unmountPath(path: string): Promise<void> {
  while (isMounted(path)) await run(['umount', path], { timeoutMs: MOUNT_TIMEOUT_MS });
  if (existsSync(path)) await rmdir(path);
}
