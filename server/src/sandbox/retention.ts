import type { SandboxContext } from './context.ts';

const KEEP_FOR_MS = 90 * 24 * 3_600_000;
const LOOK_EVERY_MS = 60_000;
const SWEEP_EVERY_MS = 3_600_000;
/** A part at a time: requests wait while the database writes. */
const FORGET_AT_ONCE = 5_000;

/** Forgets sandboxes that ended 90 days ago, and earlier what they printed, so that nothing grows for ever. */
export function createRetention({ store, journals, clock, log }: SandboxContext) {
  const timers: NodeJS.Timeout[] = [];

  /** Nobody catches what a timer throws; the next look tries again. */
  const look = (): void => {
    try {
      store.forgetEnded(clock.now() - KEEP_FOR_MS, FORGET_AT_ONCE);
    } catch (err) {
      log.error({ err }, 'cannot forget what ended long ago');
    }
  };

  const sweep = (): void => {
    const living = new Set(store.unsettled().map(({ id }) => id));
    journals.sweep(living).catch((err: unknown) => log.error({ err }, 'cannot delete old logs of sandboxes'));
  };

  return {
    start: (): void => {
      look();
      sweep();
      timers.push(setInterval(look, LOOK_EVERY_MS).unref(), setInterval(sweep, SWEEP_EVERY_MS).unref());
    },
    stop: (): void => timers.splice(0).forEach(clearInterval),
  };
}
