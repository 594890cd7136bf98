import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { createActivity } from './activity.ts';
import type { SandboxContext } from './context.ts';
import { terminateSandbox } from './terminate.ts';

const SWEEP_EVERY_MS = 500;

/**
 * Ends unnamed sandboxes whose timeout has passed without data-plane traffic (wire 1.4.2). One sweep looks at all
 * of them, so that requests set no timers.
 */
export function createReaper({
  context,
  activity,
}: {
  context: SandboxContext;
  activity: ReturnType<typeof createActivity>;
}) {
  let timer: NodeJS.Timeout | undefined;

  const hasExpired = (record: SandboxRecord): boolean => {
    if (!record.timeoutSecs || record.name !== undefined || record.operation !== undefined) return false;
    const idleSince = activity.idleSince(record.id, record.createdAt);
    return idleSince !== undefined && context.clock.now() - idleSince >= record.timeoutSecs * 1000;
  };

  const sweep = (): void => {
    for (const record of context.store.runningWithTimeout()) {
      if (!hasExpired(record)) continue;
      const ending = { reason: 'timeout', outcome: 'Success(Timeout)' };
      terminateSandbox(context, record, ending).catch((err: unknown) =>
        context.log.error({ sandboxId: record.id, err }, 'cannot end a sandbox whose timeout has passed'),
      );
    }
  };

  return {
    start: (): void => {
      timer = setInterval(sweep, SWEEP_EVERY_MS).unref();
    },
    stop: (): void => clearInterval(timer),
  };
}
