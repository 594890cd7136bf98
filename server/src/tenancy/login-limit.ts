/** Failed logins of one address that are let pass in the time of the window. */
const MAX_FAILURES = 10;
const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;

/** Counts failed logins by address; who fails too often is not listened to for a while. */
export function createLoginLimit(now: () => number) {
  const failures = new Map<string, { count: number; since: number }>();
  const current = (address: string) => {
    const found = failures.get(address);
    if (found === undefined || now() - found.since <= WINDOW_MS) return found;
    failures.delete(address);
    return undefined;
  };
  return {
    isBlocked: (address: string): boolean => (current(address)?.count ?? 0) >= MAX_FAILURES,
    fail: (address: string): void => {
      const found = current(address) ?? { count: 0, since: now() };
      if (failures.size >= MAX_ADDRESSES) failures.clear();
      failures.set(address, { ...found, count: found.count + 1 });
    },
  };
}
