import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { suspendSandbox } from './suspend.ts';
import { terminateSandbox } from './terminate.ts';

const SWEEP_EVERY_MS = 500;

/**
 * Looks after sandboxes whose timeout has passed without data-plane traffic (wire 1.4.2). One sweep looks at all of
 * them, so that requests set no timers.
 */
export function createReaper(
  context: Pick<SandboxContext, 'store' | 'clock' | 'activity' | 'log'>,
  expire: (record: SandboxRecord) => Promise<void>,
) {
  let timer: NodeJS.Timeout | undefined;

  const hasExpired = (record: SandboxRecord): boolean => {
    if (!record.timeoutSecs || record.operation !== undefined) return false;
    const idleSince = context.activity.idleSince(record.id);
    return idleSince !== undefined && context.clock.now() - idleSince >= record.timeoutSecs * 1000;
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

/** A named sandbox can be found again, so it sleeps; an unnamed one ends. */
export const expireSandbox = (context: SandboxContext, record: SandboxRecord): Promise<void> =>
  record.name === undefined
    ? terminateSandbox(context, record, { reason: 'timeout', outcome: 'Success(Timeout)' })
    : suspendSandbox(context, record, 'memory');
