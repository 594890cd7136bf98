import type { SandboxRecord } from '../store/sandbox-store.ts';
import { isOnDisk } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { isEnded } from './lifecycle.ts';
import { settle } from './reconcile.ts';

const LOOK_EVERY_MS = 5_000;
const MAX_PAUSE_MS = 5 * 60_000;

/**
 * Goes on with what nobody carries out any more: operations that failed half-way, and slots that could not be freed.
 * Each is tried again after a pause that doubles.
 */
export function createRecovery(context: SandboxContext, lookEveryMs = LOOK_EVERY_MS) {
  const attempts = new Map<string, { failures: number; nextAt: number }>();
  let timer: NodeJS.Timeout | undefined;

  const isStuck = (record: SandboxRecord): boolean =>
    !context.flights.isUnderWay(record.id) &&
    (record.operation !== undefined || isEnded(record.state) || isMisplaced(record));

  /** One that sleeps on disk has nothing in memory, any other living one has. */
  const isMisplaced = (record: SandboxRecord): boolean =>
    isOnDisk(record) ? record.slotId !== undefined : !context.live.has(record.id);

  const isDue = ({ id }: SandboxRecord): boolean => (attempts.get(id)?.nextAt ?? 0) <= Date.now();

  const goOn = async (record: SandboxRecord): Promise<void> => {
    const failures = (attempts.get(record.id)?.failures ?? 0) + 1;
    attempts.set(record.id, {
      failures,
      nextAt: Date.now() + Math.min(MAX_PAUSE_MS, lookEveryMs * 2 ** failures),
    });
    const cut = { reason: 'start_failed', error: 'the start of the sandbox was cut short' };
    const operation = record.operation ?? 'settle';
    try {
      await context.flights.begin(record.id, operation, () => settle(context, record, cut));
      attempts.delete(record.id);
    } catch (err) {
      context.log.error({ sandboxId: record.id, err, failures }, `cannot carry ${operation} to its end`);
    }
  };

  /** Nobody catches what a timer throws; the next look tries again. */
  const look = (): void => {
    try {
      for (const record of context.store.unsettled()) if (isStuck(record) && isDue(record)) void goOn(record);
    } catch (err) {
      context.log.error({ err }, 'cannot look for unfinished operations');
    }
  };

  return {
    start: (): void => {
      timer = setInterval(look, lookEveryMs).unref();
    },
    stop: (): void => clearInterval(timer),
    /** The sandbox has ended; what cannot be freed of it begins to count anew. */
    gone: ({ id }: SandboxRecord): void => void attempts.delete(id),
  };
}
