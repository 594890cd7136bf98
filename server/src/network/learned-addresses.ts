/** Addresses that names led to, as far as a sandbox's rules have to do with these names. */
export interface LearnedAddresses {
  /** Records an answer. Answers which addresses have to be written down anew; undefined where there is no room. */
  learn(name: string, addresses: readonly string[], untilMs: number): string[] | undefined;
  /** Those that hold at that moment, with how long. */
  current(nowMs: number): LearnedAddress[];
  /** A copy with the names that still count; they hold until `untilMs` at least. */
  restrict(counts: (name: string) => boolean, nowMs: number, untilMs: number): LearnedAddresses;
}

export interface LearnedAddress {
  address: string;
  untilMs: number;
}

interface Entry {
  /** Names that have led to this address. */
  names: Set<string>;
  untilMs: number;
}

/** A sandbox must not fill the sets that all share. */
const MAX_ADDRESSES = 1_024;
/** An entry is written anew once it would end this much earlier: not for every answer. */
const SLACK_MS = 60_000;
/** Connections outlive what their name said; after that long a change of rules ends them. */
const REMEMBER_MS = 24 * 3_600_000;

/** `seed` holds what is known from elsewhere. */
export function createLearnedAddresses(seed: Iterable<[string, Entry]> = []): LearnedAddresses {
  const entries = new Map<string, Entry>(seed);

  const makeRoom = (count: number): boolean => {
    const nowMs = Date.now();
    for (const [address, { untilMs }] of entries) {
      if (entries.size + count <= MAX_ADDRESSES) return true;
      if (untilMs < nowMs) entries.delete(address);
    }
    return entries.size + count <= MAX_ADDRESSES;
  };

  return {
    learn(name, addresses, untilMs) {
      const fresh = addresses.filter((address) => !entries.has(address));
      if (!makeRoom(fresh.length)) return undefined;
      return addresses.filter((address) => {
        const known = entries.get(address);
        const names = (known?.names ?? new Set<string>()).add(name);
        if (known !== undefined && known.untilMs + SLACK_MS >= untilMs) return false;
        entries.set(address, { names, untilMs });
        return true;
      });
    },
    current: (nowMs) =>
      [...entries].flatMap(([address, { untilMs }]) => (untilMs > nowMs ? { address, untilMs } : [])),
    restrict(counts, nowMs, untilMs) {
      const kept = [...entries].flatMap(([address, entry]): [string, Entry][] => {
        const names = new Set([...entry.names].filter(counts));
        if (names.size === 0 || entry.untilMs + REMEMBER_MS < nowMs) return [];
        return [[address, { names, untilMs: Math.max(entry.untilMs, untilMs) }]];
      });
      return createLearnedAddresses(kept);
    },
  };
}
