/** Random numbers that come again with their seed: a failed run is repeated with ATOLL_TEST_SEED. */
export interface Random {
  /** From 0 up to, but not including, `below`; whole. */
  int(below: number): number;
  pick<T>(items: readonly T[]): T | undefined;
}

/** The seed of this run. */
export const seed = Number(process.env['ATOLL_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Mulberry32: short, and good enough to choose what happens next. */
export function createRandom(start: number): Random {
  let state = start >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return { int, pick: (items) => items[int(items.length)] };
}
