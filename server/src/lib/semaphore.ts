/** Lets at most `limit` pieces of work run at once; the others wait in order, as many as `maxWaiting`. */
export function createSemaphore(limit: number, maxWaiting: number, onFull: () => Error) {
  const waiting: (() => void)[] = [];
  let running = 0;

  const requirePlace = (): void => {
    if (running >= limit && waiting.length >= maxWaiting) throw onFull();
  };

  const enter = (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (running < limit) {
      running += 1;
      return Promise.resolve();
    }
    requirePlace();
    return wait(signal);
  };

  const wait = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const admit = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        waiting.splice(waiting.indexOf(admit), 1);
        reject(signal.reason);
      };
      waiting.push(admit);
      signal.addEventListener('abort', giveUp, { once: true });
    });

  /** A place that becomes free goes to the longest waiting without a moment in which it is free for others. */
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };

  return {
    /** Throws when `run` would now: for those who have something to do before it. */
    requirePlace,
    /** The signal ends the waiting; work that has begun goes on. */
    run: async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    get waiting(): number {
      return waiting.length;
    },
  };
}
