import { ApiError } from '@atoll/protocol';
import { chmod, mkdir, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKeyedQueue } from '../lib/keyed-queue.ts';
import type { Log } from '../lib/log.ts';
import { unmountDisk } from '../runtime/disk.ts';
import { isMountPoint, shareMounts, unshareMounts } from '../runtime/mount-point.ts';
import { awaitUnused } from './loop-device.ts';
import {
  copyImage,
  formatImage,
  freezeImage,
  growImage,
  mountImage,
  repairImage,
  thawImage,
  UNFINISHED,
  unmountImage,
} from './volume-image.ts';

interface Options {
  /** Holds the images, `ID.img`. */
  dataDir: string;
  /** On a tmpfs, for mount points. Survives restarts of the server while the host is up. */
  runDir: string;
  log: Log;
}

export type VolumeDisks = ReturnType<typeof createVolumeDisks>;

const SUFFIX = '.img';
const UNUSED_TIMEOUT_MS = 10_000;
const UNMOUNT_TRIES = 20;
const UNMOUNT_PAUSE_MS = 50;

/**
 * The files of volumes and of their snapshots, by id. Whatever happens to one happens in turn. One that somebody holds is
 * mounted, once, however many hold it; the mount is found by its path alone, so that a restarted server takes it over.
 */
export function createVolumeDisks({ dataDir, runDir, log }: Options) {
  const inTurn = createKeyedQueue();
  const holders = new Map<string, number>();
  /** Under way or waiting for their turn. */
  const copies = new Map<string, Set<AbortController>>();
  const imageOf = (id: string): string => join(dataDir, `${id}${SUFFIX}`);
  const mountPointOf = (id: string): string => join(runDir, id);

  const mount = async (id: string, isReadonly: boolean): Promise<void> => {
    const mountPoint = mountPointOf(id);
    const mode = await mountedMode(mountPoint);
    if (mode === (isReadonly ? 'ro' : 'rw')) return;
    await unmountImage(mountPoint);
    await mkdir(mountPoint, { recursive: true, mode: 0o700 });
    if (await awaitUnused(imageOf(id), UNUSED_TIMEOUT_MS)) await repairImage(imageOf(id));
    await mountImage(imageOf(id), mountPoint, isReadonly);
  };

  /** Mount namespaces of processes that have just ended are gone in an instant. */
  const unmount = async (id: string): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        await unmountImage(mountPointOf(id));
        return await rmdir(mountPointOf(id)).catch(() => {});
      } catch (error) {
        if (tries === UNMOUNT_TRIES) throw error;
        await sleep(UNMOUNT_PAUSE_MS);
      }
    }
  };

  const requireUnused = async (id: string): Promise<void> => {
    if (holders.has(id)) throw new ApiError('volume_in_use', `a sandbox has just got volume ${id}`);
    await unmount(id);
    if (!(await awaitUnused(imageOf(id), UNUSED_TIMEOUT_MS))) throw new Error(`volume ${id} is still in use`);
  };

  /** Who writes meanwhile waits: `interrupt` gives the copy up, so that a writer can be ended. */
  const copyFrozen = async (from: string, to: string, signal: AbortSignal): Promise<void> => {
    try {
      // One that was cut short may have frozen it all the same.
      await freezeImage(mountPointOf(from));
      await copyImage(imageOf(from), imageOf(to), signal);
    } catch (error) {
      await thawImage(mountPointOf(from)).catch(() => {}); // it was not frozen
      throw error;
    }
    await thawImage(mountPointOf(from));
  };

  const copyNow = async (from: string, to: string, signal: AbortSignal): Promise<void> => {
    const mode = await mountedMode(mountPointOf(from));
    if (mode === 'rw') return copyFrozen(from, to, signal);
    if (mode === undefined) await awaitUnused(imageOf(from), UNUSED_TIMEOUT_MS);
    await copyImage(imageOf(from), imageOf(to), signal);
  };

  const enlist = (from: string): AbortController => {
    const stop = new AbortController();
    copies.set(from, (copies.get(from) ?? new Set()).add(stop));
    return stop;
  };
  const strike = (from: string, stop: AbortController): void => {
    const others = copies.get(from);
    others?.delete(stop);
    if (others?.size === 0) copies.delete(from);
  };

  const hold = (id: string, { isReadonly }: { isReadonly: boolean }): Promise<string> =>
    inTurn(id, async () => {
      const count = holders.get(id) ?? 0;
      if (count === 0) await mount(id, isReadonly);
      holders.set(id, count + 1);
      return mountPointOf(id);
    });

  /** A mount that stays behind serves the next holder, or is unmounted by the next start. */
  const release = (id: string): Promise<void> =>
    inTurn(id, async () => {
      const left = (holders.get(id) ?? 1) - 1;
      if (left > 0) return void holders.set(id, left);
      holders.delete(id);
      await unmount(id).catch((err: unknown) => log.warn({ err, volumeId: id }, 'a volume stays mounted'));
    });

  return {
    /** An empty one, which everybody in a sandbox can write to. */
    create: async (id: string, sizeMb: number, signal: AbortSignal): Promise<void> => {
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      await inTurn(id, () => formatImage(imageOf(id), sizeMb, signal));
      const root = await hold(id, { isReadonly: false });
      try {
        // No sandbox has seen it yet, so these are the server's own paths.
        await rmdir(join(root, 'lost+found'));
        await chmod(root, 0o777);
      } finally {
        await release(id);
      }
    },
    /** `to` appears when it is whole. */
    copy: async (from: string, to: string, signal: AbortSignal): Promise<void> => {
      const stop = enlist(from);
      try {
        await inTurn(from, async () => {
          stop.signal.throwIfAborted();
          await copyNow(from, to, AbortSignal.any([signal, stop.signal]));
          await inTurn(to, () => repairImage(imageOf(to)));
        });
      } catch (error) {
        if (stop.signal.aborted) throw stop.signal.reason;
        throw error;
      } finally {
        strike(from, stop);
      }
    },
    /** Gives up the copies of it, those that wait too: one that began now would stop a writer that is to end. */
    interrupt: (id: string, reason: Error): void => copies.get(id)?.forEach((stop) => stop.abort(reason)),
    grow: (id: string, sizeMb: number): Promise<void> =>
      inTurn(id, async () => {
        await requireUnused(id);
        await growImage(imageOf(id), sizeMb);
      }),
    /** What is left of it, in whatever state. */
    remove: (id: string): Promise<void> =>
      inTurn(id, async () => {
        await unmountDisk(mountPointOf(id));
        await rm(mountPointOf(id), { recursive: true, force: true });
        for (const file of [imageOf(id), `${imageOf(id)}${UNFINISHED}`]) await rm(file, { force: true });
      }),
    /** What it takes of the host's disk. */
    usedBytes: async (id: string): Promise<number> => {
      const found = await stat(imageOf(id)).catch(() => undefined);
      return (found?.blocks ?? 0) * 512;
    },
    hold,
    release,
    isThere: async (id: string): Promise<boolean> =>
      stat(imageOf(id)).then(
        () => true,
        () => false,
      ),
    /** Everything of which an image, whole or not, is there. */
    list: async (): Promise<string[]> => {
      const names = await readdir(dataDir).catch(() => []);
      const ids = names.map((name) => name.slice(0, name.indexOf(SUFFIX)));
      return [...new Set(ids.filter((id) => id !== ''))];
    },
    /** Lets go on what a snapshot of an earlier process has stopped. */
    thawAll: async (): Promise<void> => {
      for (const id of await readdir(runDir).catch(() => []))
        if (await isMountPoint(mountPointOf(id))) await thawImage(mountPointOf(id)).catch(() => {}); // it was not frozen
    },
    /** Unmounts what nobody holds. */
    unmountIdle: async (): Promise<void> => {
      for (const id of await readdir(runDir).catch(() => []))
        await inTurn(id, async () => {
          if (holders.has(id)) return;
          await unmount(id).catch((err: unknown) =>
            log.warn({ err, volumeId: id }, 'a volume stays mounted'),
          );
        });
    },
    /** Lets sandboxes that are prepared before a volume is mounted see its mount. Needs root. */
    share: () => shareMounts(runDir),
    /** Ends the sharing, unless something is still mounted. */
    unshare: async (): Promise<void> => {
      if ((await readdir(runDir).catch(() => [])).length === 0) await unshareMounts(runDir);
    },
  };
}

/** How a path is mounted; absent: it is not. */
async function mountedMode(path: string): Promise<'ro' | 'rw' | undefined> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const fields = lines.map((line) => line.split(' ')).findLast(([, , , , at]) => at === path);
  if (fields === undefined) return undefined;
  return fields[5]?.split(',').includes('ro') ? 'ro' : 'rw';
}
