import { createSemaphore } from '../lib/semaphore.ts';
import { checkDisk, checkMemoryFor, freeDiskBytes } from './admission.ts';
import type { AdmissionSettings } from './admission.ts';

/** More at once would only make each other slower, and each is a process of the host. */
const MAX_WRITES_AT_ONCE = 8;

/** What is to be written for a sandbox. */
export interface DiskWrite {
  workspaceId: string;
  /** More than this it cannot be: where that has room many times, nobody has to look. */
  mostBytes: number;
  /** About how much it is. */
  estimateBytes: () => Promise<number>;
  /** Gives up the wait for its turn. */
  signal: AbortSignal;
}

/** What the host has left for what sandboxes become. */
export interface HostRoom {
  /**
   * Lets `work` bring up what begins with so much memory. Others that are being brought up count, so that not all of them
   * find the same memory. Throws `host_out_of_memory` where it would take what the host keeps for itself.
   */
  withMemory: <T>(bytes: number, work: () => Promise<T>) => Promise<T>;
  /** Throws `host_out_of_disk` where so much would take what the host keeps for itself. */
  requireDisk: (bytes?: number) => void;
  /** What is free now, with what the host keeps for itself. */
  freeDiskBytes: () => number;
  /** Whether a write would have to wait for its turn: for what nobody waits for, and what cannot go on meanwhile. */
  isBusy: () => boolean;
  /**
   * Lets `work` write in its turn; workspaces take turns. What others are still writing counts as written, so that not all
   * of them find the same room. Throws `host_out_of_disk` where there is none.
   */
  write: <T>(write: DiskWrite, work: () => Promise<T>) => Promise<T>;
}

export function createHostRoom(dataDir: string, admission: AdmissionSettings): HostRoom {
  const turns = createSemaphore(MAX_WRITES_AT_ONCE, Infinity, () => new Error('the line has no end'));
  let promisedBytes = 0;
  let promisedMemoryBytes = 0;

  const requireDisk = (bytes = 0): void => checkDisk(dataDir, admission, promisedBytes + bytes);

  const isRoomFor = (bytes: number): boolean => {
    const keptBytes = promisedBytes + admission.reservedDiskMb * 2 ** 20;
    return freeDiskBytes(dataDir) - keptBytes >= bytes;
  };

  const keepFree = async <T>({ mostBytes, estimateBytes }: DiskWrite, work: () => Promise<T>): Promise<T> => {
    // What is promised unseen is too much: it must not stand in the way of others that would fit.
    const isAmple = isRoomFor(MAX_WRITES_AT_ONCE * mostBytes);
    const sizeBytes = isAmple ? mostBytes : await estimateBytes();
    requireDisk(sizeBytes);
    promisedBytes += sizeBytes;
    try {
      return await work();
    } finally {
      promisedBytes -= sizeBytes;
    }
  };

  return {
    withMemory: async (bytes, work) => {
      checkMemoryFor(promisedMemoryBytes + bytes, admission);
      promisedMemoryBytes += bytes;
      try {
        return await work();
      } finally {
        promisedMemoryBytes -= bytes;
      }
    },
    requireDisk,
    freeDiskBytes: () => freeDiskBytes(dataDir),
    isBusy: () => turns.isFull,
    write: (write, work) => turns.run(write.signal, () => keepFree(write, work), write.workspaceId),
  };
}
