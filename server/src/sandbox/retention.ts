import type { SandboxContext } from './context.ts';

const KEEP_FOR_MS = 90 * 24 * 3_600_000;
const LOOK_EVERY_MS = 60_000;
/** A part at a time: requests wait while the database writes. */
const FORGET_AT_ONCE = 5_000;

/** Forgets sandboxes that ended 90 days ago, so that the database does not grow for ever. */
export function createRetention({ store, clock, log }: SandboxContext) {
  let timer: NodeJS.Timeout | undefined;

  /** Nobody catches what a timer throws; the next look tries again. */
  const look = (): void => {
    try {
      store.forgetEnded(clock.now() - KEEP_FOR_MS, FORGET_AT_ONCE);
    } catch (err) {
      log.error({ err }, 'cannot forget what ended long ago');
    }
  };

  return {
    start: (): void => {
      look();
      timer = setInterval(look, LOOK_EVERY_MS).unref();
    },
    stop: (): void => clearInterval(timer),
  };
}
