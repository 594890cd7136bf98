interface Flight {
  operation: string;
  controller: AbortController;
  result: Promise<unknown>;
}

/** The operations of this process that are under way: one for each sandbox. */
export function createFlights() {
  const flights = new Map<string, Flight>();

  const register = <T>(
    id: string,
    operation: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    const result = work(controller.signal);
    const flight = { operation, controller, result };
    flights.set(id, flight);
    const leave = (): void => {
      if (flights.get(id) === flight) flights.delete(id);
    };
    result.then(leave, leave);
    return result;
  };

  const settled = async (flight: Flight): Promise<void> => {
    await flight.result.catch(() => {});
  };

  return {
    /**
     * Runs `work` as the sandbox's operation. Its signal aborts when another operation takes over. The record admits
     * one operation at a time, so one that is still here has written its result and only has to return.
     */
    begin: <T>(id: string, operation: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
      const previous = flights.get(id);
      if (previous === undefined) return register(id, operation, work);
      return register(id, operation, async (signal) => {
        await settled(previous);
        return work(signal);
      });
    },
    /** Aborts the operation under way, if there is one, and runs `work` once that has let go. */
    takeOver: <T>(id: string, operation: string, reason: Error, work: () => Promise<T>): Promise<T> => {
      const previous = flights.get(id);
      previous?.controller.abort(reason);
      return register(id, operation, async () => {
        if (previous) await settled(previous);
        return work();
      });
    },
    /** The result of that operation, for a second caller; `undefined` when it is not under way. */
    join: (id: string, operation: string): Promise<unknown> | undefined => {
      const flight = flights.get(id);
      return flight?.operation === operation ? flight.result : undefined;
    },
    isUnderWay: (id: string): boolean => flights.has(id),
    abortAll: (reason: Error): void => flights.forEach(({ controller }) => controller.abort(reason)),
    /** Resolves when nothing is under way any more. */
    idle: async (): Promise<void> => {
      while (flights.size > 0) await Promise.allSettled([...flights.values()].map(({ result }) => result));
    },
  };
}
