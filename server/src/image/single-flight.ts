/** Runs one piece of work per key at a time; who asks in the meantime shares its result. */
export function createSingleFlight<T>() {
  const flights = new Map<string, Promise<T>>();
  return (key: string, work: () => Promise<T>): Promise<T> => {
    const known = flights.get(key);
    if (known) return known;
    const flight = work().finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };
}
