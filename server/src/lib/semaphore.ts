/**
 * Lets at most `limit` pieces of work run at once; the others wait, as many as `maxWaiting`. Owners take turns, so that
 * who asks for much waits behind who asks for little; the work of one owner runs in order.
 */
export function createSemaphore(limit: number, maxWaiting: number, onFull: () => Error) {
  /** The owners in the order of their turns; none without work that waits. */
  const queues = new Map<string, (() => void)[]>();
  let running = 0;

  const countWaiting = (): number => queues.values().reduce((sum, queue) => sum + queue.length, 0);

  const requirePlace = (): void => {
    if (running >= limit && countWaiting() >= maxWaiting) throw onFull();
  };

  const enter = (signal: AbortSignal, owner: string): Promise<void> => {
    signal.throwIfAborted();
    if (running < limit) {
      running += 1;
      return Promise.resolve();
    }
    requirePlace();
    return wait(signal, owner);
  };

  const queueOf = (owner: string): (() => void)[] => {
    const queue = queues.get(owner) ?? [];
    queues.set(owner, queue);
    return queue;
  };

  const wait = (signal: AbortSignal, owner: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const admit = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        const queue = queueOf(owner);
        queue.splice(queue.indexOf(admit), 1);
        if (queue.length === 0) queues.delete(owner);
        reject(signal.reason);
      };
      queueOf(owner).push(admit);
      signal.addEventListener('abort', giveUp, { once: true });
    });

  /** The longest waiting of the owner whose turn it is, who then is the last to have one again. */
  const next = (): (() => void) | undefined => {
    const [turn] = queues;
    if (turn === undefined) return undefined;
    const [owner, queue] = turn;
    const admit = queue.shift();
    queues.delete(owner);
    if (queue.length > 0) queues.set(owner, queue);
    return admit;
  };

  /** A place that becomes free goes to the next without a moment in which it is free for others. */
  const leave = (): void => {
    const admit = next();
    if (admit) admit();
    else running -= 1;
  };

  return {
    /** Throws when `run` would now: for those who have something to do before it. */
    requirePlace,
    /** The signal ends the waiting; work that has begun goes on. */
    run: async <T>(signal: AbortSignal, work: () => Promise<T>, owner = ''): Promise<T> => {
      await enter(signal, owner);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    get waiting(): number {
      return countWaiting();
    },
  };
}
