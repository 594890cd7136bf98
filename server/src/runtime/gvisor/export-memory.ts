import { readFileSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { ApiError } from '@atoll/protocol/errors';
import { availableMemoryMb } from '../../lib/host-memory.ts';
import { createKeyedQueue } from '../../lib/keyed-queue.ts';
import type { Log } from '../../lib/log.ts';
import type { Cgroups } from '../cgroup.ts';
import { callSentry } from './sentry-socket.ts';
import { slotPaths } from './slot-path.ts';
import type { DriverPaths } from './slot-path.ts';

export interface ExportMemoryOptions {
  cgroups: Pick<Cgroups, 'limit' | 'memoryLimit' | 'lowerMemory'>;
  paths: DriverPaths;
  log: Log;
}

const MB = 2 ** 20;
/** What a slot is charged for anyway has room for so much. */
const SMALL_BYTES = 32 * MB;
/** What the host keeps for others. */
const KEPT_MB = 512;
const REDUCE_TIMEOUT_MS = 5_000;
const LOOK_EVERY_MS = 1_000;

export type ExportMemory = ReturnType<typeof createExportMemory>;

/**
 * gVisor reads a file of the upper layer as a whole into its own memory before it writes it out, and a sandbox whose group
 * has no room for that is killed. So the limit of a slot is raised meanwhile by what its upper layer has, which no file
 * of it is larger than; a sparse one may be. What the host has no room for is refused.
 *
 * Afterwards gVisor is told to let go of it, which takes it a while, and the limit is lowered once that has happened. A
 * mark in the slot's folder has the limit from before the raise until then, for a server that is started meanwhile.
 */
export function createExportMemory({ cgroups, paths, log }: ExportMemoryOptions) {
  const granted = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  /** The limit of a slot is raised and lowered in turn: what one reading needs is not taken back for the one before it. */
  const inTurn = createKeyedQueue();
  const markOf = (slotId: string): string => slotPaths(paths, slotId).waived;

  const grant = (slotId: string, bytes: number): void => {
    const others = granted.values().reduce((sum, one) => sum + one, 0);
    const spareMb = Math.floor(availableMemoryMb() - KEPT_MB - others / MB);
    const neededMb = Math.ceil(bytes / MB);
    if (neededMb > spareMb) throw tooLarge(neededMb, Math.max(0, spareMb));
    granted.set(slotId, bytes);
  };

  const raise = (slotId: string, bytes: number): Promise<void> =>
    inTurn(slotId, async () => {
      const limitBytes = readMark(markOf(slotId)) ?? (await cgroups.memoryLimit(slotId));
      await writeFile(markOf(slotId), `${limitBytes}`);
      // What an earlier reading took may be in use still.
      const memoryBytes = Math.max(await cgroups.memoryLimit(slotId), limitBytes + bytes);
      await cgroups.limit(slotId, { memoryBytes });
    });

  const lower = async (slotId: string): Promise<void> => {
    if (readMark(markOf(slotId)) === undefined) return;
    const { controlSocket } = slotPaths(paths, slotId);
    await callSentry(controlSocket, 'Usage.Reduce', REDUCE_TIMEOUT_MS).catch(() => {}); // its own pace is the next best
    await inTurn(slotId, async () => {
      const limitBytes = readMark(markOf(slotId));
      if (limitBytes === undefined || granted.has(slotId)) return;
      if (await cgroups.lowerMemory(slotId, limitBytes)) await rm(markOf(slotId), { force: true });
      else lowerLater(slotId);
    });
  };

  // A slot that is gone has no mark any more.
  const lowerLater = (slotId: string, afterMs = LOOK_EVERY_MS): void => {
    const look = (): void => {
      lower(slotId).catch((err: unknown) => {
        log.warn({ slotId, err }, 'cannot lower a memory limit again');
        lowerLater(slotId);
      });
    };
    clearTimeout(timers.get(slotId));
    timers.set(slotId, setTimeout(look, afterMs).unref());
  };

  return {
    /** Once, when the driver is made: what an earlier server raised. */
    open: async (): Promise<void> => {
      for (const slotId of await readdir(paths.slotsDir))
        if (readMark(markOf(slotId)) !== undefined) lowerLater(slotId);
    },
    /** Does `work`, which lets gVisor write out an upper layer of that size. The sandbox stands still for it, but not for what follows. */
    during: async <T>(slotId: string, upperBytes: number, work: () => Promise<T>): Promise<T> => {
      if (upperBytes < SMALL_BYTES) return work();
      grant(slotId, upperBytes);
      try {
        await raise(slotId, upperBytes);
        return await work();
      } finally {
        granted.delete(slotId);
        lowerLater(slotId, 0);
      }
    },
    forget: (slotId: string): void => {
      clearTimeout(timers.get(slotId));
      timers.delete(slotId);
    },
  };
}

const tooLarge = (neededMb: number, spareMb: number): ApiError =>
  new ApiError(
    'host_out_of_memory',
    `reading what the sandbox has written may take ${neededMb} MB of memory; the host has ${spareMb} MB to spare`,
    { hint: 'Terminate or suspend sandboxes that are not needed, or delete large files in this one.' },
  );

/** A mark that is cut short has been written before anything was raised. */
function readMark(path: string): number | undefined {
  try {
    const bytes = Number(readFileSync(path, 'utf8'));
    return bytes > 0 ? bytes : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
