import type { SandboxRecord } from '../store/sandbox-store.ts';
import { availableMemoryMb } from '../lib/host-memory.ts';
import { canCheckpoint, maySleepOnDisk } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { hibernateSandbox } from './suspend.ts';

export interface DescentOptions {
  /** How long a sandbox sleeps in memory, where its wake is quickest, before it goes to the disk. */
  hibernateAfterMs: number;
  /** With less memory left than this on the host it goes at once. */
  scarceMemoryMb: number;
  lookEveryMs?: number;
}

const LOOK_EVERY_MS = 2_000;
const MAX_PAUSE_MS = 10 * 60_000;

/**
 * Takes sandboxes that sleep in memory to the disk, one after the other and the longest asleep first. One that cannot be
 * written stays in memory, and is tried again after a pause that doubles.
 */
export function createDescent(context: SandboxContext, options: DescentOptions) {
  const { lookEveryMs = LOOK_EVERY_MS } = options;
  const failures = new Map<string, { count: number; nextAt: number }>();
  let timer: NodeJS.Timeout | undefined;
  let descending: Promise<void> | undefined;

  const isDue = (record: SandboxRecord): boolean => {
    const now = context.clock.now();
    if ((failures.get(record.id)?.nextAt ?? 0) > now || context.flights.isUnderWay(record.id)) return false;
    if (!maySleepOnDisk(context, record)) return false;
    const isScarce = availableMemoryMb() < options.scarceMemoryMb;
    return isScarce || now - (record.suspendedAt ?? 0) >= options.hibernateAfterMs;
  };

  const nextDue = (): SandboxRecord | undefined => {
    // In memory it wakes at once; in a line it would keep its wake waiting.
    if (context.room.isBusy()) return undefined;
    const due = context.store.frozen().filter(isDue);
    return due.toSorted((one, two) => (one.suspendedAt ?? 0) - (two.suspendedAt ?? 0))[0];
  };

  const fail = (record: SandboxRecord, err: unknown): void => {
    const count = (failures.get(record.id)?.count ?? 0) + 1;
    const pauseMs = Math.min(MAX_PAUSE_MS, 10_000 * 2 ** count);
    failures.set(record.id, { count, nextAt: context.clock.now() + pauseMs });
    context.log.warn({ sandboxId: record.id, err }, 'a sandbox stays in memory');
  };

  const descend = async (): Promise<void> => {
    for (let record = nextDue(); record !== undefined && timer !== undefined; record = nextDue()) {
      const asleep = record;
      await hibernateSandbox(context, asleep).then(
        () => failures.delete(asleep.id),
        (err: unknown) => fail(asleep, err),
      );
    }
  };

  const look = (): void => {
    descending ??= descend()
      .catch((err: unknown) => context.log.error({ err }, 'cannot look for sandboxes that sleep in memory'))
      .finally(() => {
        descending = undefined;
      });
  };

  return {
    start: (): void => {
      if (canCheckpoint(context)) timer = setInterval(look, lookEveryMs).unref();
    },
    stop: (): void => {
      clearInterval(timer);
      timer = undefined;
    },
    /** The sandbox has ended. */
    gone: ({ id }: SandboxRecord): void => void failures.delete(id),
  };
}
