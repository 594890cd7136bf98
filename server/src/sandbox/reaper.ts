import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { suspendSandbox } from './suspend.ts';
import { terminateSandbox } from './terminate.ts';

const SWEEP_EVERY_MS = 500;

/** What becomes of a sandbox whose timeout has passed, and of one whose time is over. */
export type Ends = Record<'expire' | 'end', (record: SandboxRecord) => Promise<void>>;

/**
 * Looks after sandboxes whose timeout has passed without data-plane traffic (wire 1.4.2), and those whose time is over
 * for good. One sweep looks at all of them, so that requests set no timers.
 */
export function createReaper(
  context: Pick<SandboxContext, 'store' | 'clock' | 'activity' | 'log'>,
  { expire, end }: Ends,
) {
  let timer: NodeJS.Timeout | undefined;

  const hasExpired = (record: SandboxRecord): boolean => {
    if (!record.timeoutSecs || record.operation !== undefined) return false;
    const idleSince = context.activity.idleSince(record.id);
    return idleSince !== undefined && context.clock.now() - idleSince >= record.timeoutSecs * 1000;
  };

  /** A suspended sandbox was last used when it was suspended, which is shortly after its last request. */
  const lastUseOf = (record: SandboxRecord): number | undefined =>
    record.state === 'suspended' ? record.suspendedAt : context.activity.idleSince(record.id);

  const isOver = (record: SandboxRecord): boolean => {
    const now = context.clock.now();
    if (record.expiresAt !== undefined && record.expiresAt <= now) return true;
    const lastUse = lastUseOf(record);
    if (record.idleLimitSecs === undefined || record.operation !== undefined || lastUse === undefined)
      return false;
    return now - lastUse >= record.idleLimitSecs * 1000;
  };

  const sweepMortal = (): void => {
    for (const record of context.store.mortal(context.clock.now()).filter(isOver))
      end(record).catch((err: unknown) =>
        context.log.error({ sandboxId: record.id, err }, 'a sandbox whose time is over goes on'),
      );
  };

  const sweep = (): void => {
    for (const record of context.store.runningWithTimeout()) {
      if (!hasExpired(record)) continue;
      expire(record).catch((err: unknown) =>
        context.log.error({ sandboxId: record.id, err }, 'a sandbox whose timeout has passed goes on'),
      );
    }
  };

  /** Nobody catches what a timer throws; the next sweep tries again. */
  const sweepSafely = (): void => {
    try {
      sweepMortal();
      sweep();
    } catch (err) {
      context.log.error({ err }, 'cannot look for sandboxes whose timeout has passed');
    }
  };

  return {
    start: (): void => {
      timer = setInterval(sweepSafely, SWEEP_EVERY_MS).unref();
    },
    stop: (): void => clearInterval(timer),
  };
}

const endOfTime = { reason: 'timeout', outcome: 'Success(Timeout)' } as const;

/** A named sandbox can be found again, so it sleeps when its timeout has passed; an unnamed one ends. */
export const endsOf = (context: SandboxContext): Ends => {
  const end = (record: SandboxRecord): Promise<void> => terminateSandbox(context, record, endOfTime);
  return {
    end,
    expire: (record) => (record.name === undefined ? end(record) : suspendSandbox(context, record, 'memory')),
  };
};
