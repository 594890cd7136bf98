import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyedQueue } from '../lib/keyed-queue.ts';
import { randomId } from '../lib/id.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import { createDisk, mountDisk, removeDisk, requireKept, unmountDisk } from '../runtime/disk.ts';
import type { CacheMount } from './dockerfile/mount.ts';

/** A cache that a step may write to until it releases it. */
export interface HeldCache {
  path: string;
  /** Throws `host_out_of_disk` where what it held may be lost, and with it what the step made of it. */
  release: () => Promise<void>;
}

/** Puts into a new cache what it begins with. */
export type FillCache = (dir: string) => Promise<void>;

interface Options {
  /** On a tmpfs, for mounts. */
  runDir: string;
  /** For the images of the disks. */
  dataDir: string;
  /** What each cache holds at most. */
  sizeMb: number;
  /** What all of them together take on the host at most; the longest unused go first. */
  maxTotalBytes?: number;
}

const MAX_TOTAL_BYTES = 20 * 1024 ** 3;
const MAX_WAITING = 1000;

export type CacheMounts = ReturnType<typeof createCacheMounts>;

/**
 * What `RUN --mount=type=cache` keeps from one build to the next: for each workspace and id a disk of its own, so that a
 * cache can fill nothing but itself. Shared by all steps that use it at the same time, unless they ask otherwise.
 */
export function createCacheMounts({ runDir, dataDir, sizeMb, maxTotalBytes = MAX_TOTAL_BYTES }: Options) {
  const holders = new Map<string, number>();
  /** Those in use that the host's disk had no room for; each holder fails, and nobody begins with them. */
  const lost = new Map<string, unknown>();
  /** Each cache has one turn at a time, and as many waiting as all of them have. */
  const locks = createSemaphore(Infinity, MAX_WAITING, () => new Error('too many steps wait for a cache'), 1);
  const oneAtATime = createKeyedQueue();
  const diskOf = (name: string) => ({
    image: join(dataDir, `${name}.img`),
    mountPoint: join(runDir, name),
  });
  const mount = (
    name: string,
    owner: CacheMount,
    fill: FillCache,
    signal: AbortSignal,
  ): Promise<Omit<HeldCache, 'release'>> =>
    oneAtATime(name, async () => {
      const disk = diskOf(name);
      const path = join(disk.mountPoint, 'content');
      const others = holders.get(name) ?? 0;
      if (others === 0) await mountAny(disk, signal);
      try {
        if (!existsSync(path)) await begin(disk.mountPoint, path, owner, fill);
      } catch (error) {
        if (others === 0) await unmountDisk(disk.mountPoint);
        throw error;
      }
      holders.set(name, others + 1);
      return { path };
    });
  /** A cache is there when all that it begins with is: filling it may fail, be cancelled, or end with the server. */
  const begin = async (mountPoint: string, path: string, owner: CacheMount, fill: FillCache) => {
    const filling = join(mountPoint, 'filling');
    await rm(filling, { recursive: true, force: true });
    await mkdir(filling);
    await chown(filling, owner.uid, owner.gid);
    await chmod(filling, owner.mode);
    await fill(filling);
    await rename(filling, path);
  };
  /** A disk that cannot be mounted was cut by a power loss; a cache may start anew. */
  const mountAny = async (disk: ReturnType<typeof diskOf>, signal: AbortSignal): Promise<void> => {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    if (existsSync(disk.image)) {
      const isMounted = await mountDisk(disk, signal).then(
        () => true,
        () => false,
      );
      if (isMounted) return;
    }
    await createDisk({ ...disk, sizeMb }, signal);
  };
  const unmount = (name: string): Promise<void> =>
    oneAtATime(name, async () => {
      const left = (holders.get(name) ?? 1) - 1;
      if (left > 0) return void holders.set(name, left);
      holders.delete(name);
      await unmountDisk(diskOf(name).mountPoint);
      if (lost.delete(name) || name.startsWith(PRIVATE)) await removeDisk(diskOf(name));
    });
  const release = async (name: string): Promise<void> => {
    await requireKept(diskOf(name)).catch((error: unknown) => lost.set(name, error));
    const loss = lost.get(name);
    await unmount(name);
    if (loss !== undefined) throw loss;
  };

  const acquire = async (
    workspaceId: string,
    mountOf: CacheMount,
    fill: FillCache,
    signal: AbortSignal,
  ): Promise<HeldCache> => {
    const shared = nameOf(workspaceId, mountOf.id);
    // A private cache is the one that all share unless somebody uses it; then it is another one, for this step.
    const isTaken = lost.has(shared) || (mountOf.sharing === 'private' && (holders.get(shared) ?? 0) > 0);
    const name = isTaken ? `${PRIVATE}${randomId(16)}` : shared;
    const unlock = mountOf.sharing === 'locked' ? await lock(name, signal) : () => {};
    try {
      const held = await mount(name, mountOf, fill, signal);
      return {
        ...held,
        release: async () => {
          await release(name).finally(unlock);
        },
      };
    } catch (error) {
      unlock();
      throw error;
    }
  };
  const lock = async (name: string, signal: AbortSignal): Promise<() => void> => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
    const hold = (): Promise<void> => {
      enter();
      return released;
    };
    const turn = locks.run(signal, hold, name);
    await Promise.race([entered, turn]);
    return release;
  };
  const remove = (name: string): Promise<void> =>
    oneAtATime(name, async () => {
      if ((holders.get(name) ?? 0) === 0) await removeDisk(diskOf(name));
    });
  const images = async () => {
    const names = existsSync(dataDir) ? await readdir(dataDir) : [];
    return Promise.all(
      names.map(async (file) => {
        const { blocks, mtimeMs } = await stat(join(dataDir, file));
        return { name: file.replace(/\.img$/, ''), sizeBytes: blocks * 512, usedAt: mtimeMs };
      }),
    );
  };
  return {
    acquire,
    /** Removes the caches of a workspace (of all of them) that nobody used since. */
    prune: async (usedBefore: number, workspaceId?: string): Promise<void> => {
      const prefix = workspaceId === undefined ? '' : prefixOf(workspaceId);
      for (const { name, usedAt } of await images())
        if (usedAt <= usedBefore && name.startsWith(prefix)) await remove(name);
    },
    /** Removes what was not used for the longest time until the rest is small enough. */
    trim: async (): Promise<void> => {
      let total = 0;
      for (const { name, sizeBytes } of (await images()).toSorted((a, b) => b.usedAt - a.usedAt)) {
        total += sizeBytes;
        if (total > maxTotalBytes) await remove(name);
      }
    },
    /** Unmounts what an earlier process left in use, and removes it unless all of it is there. */
    reconcile: async (): Promise<void> => {
      for (const name of existsSync(runDir) ? await readdir(runDir) : []) {
        const disk = diskOf(name);
        const isKept = await requireKept(disk).then(
          () => true,
          () => false,
        );
        await unmountDisk(disk.mountPoint);
        await rm(disk.mountPoint, { recursive: true, force: true });
        if (!isKept || name.startsWith(PRIVATE)) await removeDisk(disk);
      }
    },
  };
}

const PRIVATE = 'private-';

const prefixOf = (workspaceId: string): string =>
  `${createHash('sha256').update(workspaceId).digest('hex').slice(0, 16)}-`;

const nameOf = (workspaceId: string, id: string): string =>
  prefixOf(workspaceId) + createHash('sha256').update(id).digest('hex').slice(0, 32);
