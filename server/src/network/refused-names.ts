/** Names that sandboxes asked for and did not get, the latest of each sandbox. */
export interface RefusedNames {
  note(slotId: string, name: string): void;
  of(slotId: string): RefusedName[];
  forget(slotId: string): void;
}

export interface RefusedName {
  name: string;
  count: number;
  lastAt: number;
}

const MAX_NAMES = 100;

export function createRefusedNames(): RefusedNames {
  const bySlot = new Map<string, Map<string, RefusedName>>();
  return {
    note(slotId, name) {
      const names = bySlot.get(slotId) ?? new Map<string, RefusedName>();
      const count = (names.get(name)?.count ?? 0) + 1;
      names.delete(name); // the order is that of the last time
      names.set(name, { name, count, lastAt: Date.now() });
      const [oldest] = names.keys();
      if (names.size > MAX_NAMES && oldest !== undefined) names.delete(oldest);
      bySlot.set(slotId, names);
    },
    of: (slotId) => [...(bySlot.get(slotId)?.values() ?? [])].toReversed(),
    forget: (slotId) => void bySlot.delete(slotId),
  };
}
