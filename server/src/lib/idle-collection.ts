import { performance } from 'node:perf_hooks';

export interface IdleCollectionOptions {
  /** Bytes of memory in use now, with what nobody needs any more. */
  usedBytes: () => number;
  /** Gives back what nobody needs any more, and stands still meanwhile. */
  collect: () => void;
  /** The part of the time since the last look in which there was work, from 0 to 1. */
  utilization?: () => number;
  lookEveryMs?: number;
}

const LOOK_EVERY_MS = 2_000;
/** With less to do than this hardly anybody waits for what is done meanwhile. Half of it is what making slots ready takes. */
const IDLE_BELOW = 0.25;
/** Less than this is not worth standing still for a sixth of a second. */
const WORTH_BYTES = 32 * 2 ** 20;

/**
 * Collects what a time of much work has left, once it is over: V8 looks for garbage while memory is asked for, and so keeps
 * what the last requests before a quiet night needed until the morning. Answers what ends it.
 */
export function collectWhenIdle(options: IdleCollectionOptions): () => void {
  const {
    usedBytes,
    collect,
    utilization = utilizationSinceLastCall(),
    lookEveryMs = LOOK_EVERY_MS,
  } = options;
  // A process begins with work: loading what it is made of leaves the most.
  let leastBytes = 0;

  const look = (): void => {
    const isIdle = utilization() < IDLE_BELOW;
    const now = usedBytes();
    leastBytes = Math.min(leastBytes, now);
    if (!isIdle || now - leastBytes < WORTH_BYTES) return;
    collect();
    // What is still there is in use: it is no reason to look for it again.
    leastBytes = usedBytes();
  };

  const timer = setInterval(look, lookEveryMs).unref();
  return () => clearInterval(timer);
}

function utilizationSinceLastCall(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
