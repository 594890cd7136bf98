/**
 * Lets at most `limit` pieces of work run at once; the others wait, as many as `maxWaiting`. Owners take turns, so that
 * who asks for much waits behind who asks for little; the work of one owner runs in order, at most `perOwner` at once.
 * Nor can one owner fill the line for the others: whoever has less in a full line than an even share of it may still
 * join. So the line grows beyond `maxWaiting` with the logarithm of the owners, and no further.
 */
export function createSemaphore(
  limit: number,
  maxWaiting: number,
  onFull: () => Error,
  perOwner: number = limit,
) {
  /** The owners in the order of their turns; none without work that waits. */
  const queues = new Map<string, (() => void)[]>();
  let running = 0;
  const runningOf = new Map<string, number>();

  const mayRun = (owner: string): boolean => (runningOf.get(owner) ?? 0) < perOwner;

  /** Counts the work of an owner, and forgets owners without any. */
  const count = (owner: string, change: 1 | -1): void => {
    const left = (runningOf.get(owner) ?? 0) + change;
    if (left === 0) runningOf.delete(owner);
    else runningOf.set(owner, left);
  };

  const countWaiting = (): number => queues.values().reduce((sum, queue) => sum + queue.length, 0);

  const mayWait = (count: number, owner: string): boolean => {
    const waiting = countWaiting();
    if (waiting + count <= maxWaiting) return true;
    const owners = queues.size + (queues.has(owner) ? 0 : 1);
    return (queues.get(owner)?.length ?? 0) + count <= Math.floor(maxWaiting / owners);
  };

  const requirePlace = (count = 1, owner = ''): void => {
    const atOnce = Math.min(count, limit - running);
    if (count > atOnce && !mayWait(count - atOnce, owner)) throw onFull();
  };

  const enter = (signal: AbortSignal, owner: string): Promise<void> => {
    signal.throwIfAborted();
    // Who waits while there are places waits for one of its own.
    if (running < limit && mayRun(owner)) {
      running += 1;
      count(owner, 1);
      return Promise.resolve();
    }
    if (!mayWait(1, owner)) throw onFull();
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
    const turn = queues.entries().find(([owner]) => mayRun(owner));
    if (turn === undefined) return undefined;
    const [owner, queue] = turn;
    const admit = queue.shift();
    queues.delete(owner);
    if (queue.length > 0) queues.set(owner, queue);
    count(owner, 1);
    return admit;
  };

  /** A place that becomes free goes to the next without a moment in which it is free for others. */
  const leave = (owner: string): void => {
    count(owner, -1);
    const admit = next();
    if (admit) admit();
    else running -= 1;
  };

  return {
    /** Throws when `run` would now, or one of so many of them: for those who have something to do before it. */
    requirePlace,
    /** The signal ends the waiting; work that has begun goes on. */
    run: async <T>(signal: AbortSignal, work: () => Promise<T>, owner = ''): Promise<T> => {
      await enter(signal, owner);
      try {
        return await work();
      } finally {
        leave(owner);
      }
    },
    /** Whether all places are taken. */
    get isFull(): boolean {
      return running >= limit;
    },
    get waiting(): number {
      return countWaiting();
    },
  };
}
