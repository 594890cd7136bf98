export interface SingleFlight<T> {
  /**
   * Joins the work in flight for `key`, or starts it. It belongs to no caller: one that gives up by its
   * signal leaves it to the others, so the work ends by a deadline of its own.
   */
  join(key: string, work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Resolves when nothing is in flight. */
  settled(): Promise<void>;
}

/** Runs one piece of work per key at a time; who asks in the meantime shares its result. */
export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>();
  const start = (key: string, work: () => Promise<T>): Promise<T> => {
    const flight = work().finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };
  return {
    async join(key, work, signal) {
      signal.throwIfAborted();
      return unlessAborted(flights.get(key) ?? start(key, work), signal);
    },
    async settled() {
      await Promise.allSettled(flights.values());
    },
  };
}

function unlessAborted<T>(flight: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', giveUp);
      finish();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    flight.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
