import type { Entry, EntryStream } from './entry.ts';
import type { PlacedEntry } from './journal-reader.ts';

/** Which lines somebody wants to see; what is absent is no condition. */
export interface EntryFilter {
  streams?: ReadonlySet<EntryStream>;
  processes?: ReadonlySet<string>;
  /** Part of the text. */
  text?: string;
  /** Epoch milliseconds. */
  since?: number;
}

export const matches = ({ streams, processes, text, since }: EntryFilter, entry: Entry): boolean =>
  (streams === undefined || streams.has(entry.stream)) &&
  (processes === undefined || (entry.process !== undefined && processes.has(entry.process))) &&
  (since === undefined || entry.at >= since) &&
  (text === undefined || entry.text.includes(text));

/** Entries in their order, and where others of the same kind begin (`oldest`: end), if there are. */
export interface EntryPage {
  entries: PlacedEntry[];
  next?: number;
}

/** An answer is held in memory. */
const MAX_PAGE_CHARS = 4 * 1024 ** 2;
const COST_PER_ENTRY = 256;

const cost = ({ entry }: PlacedEntry): number => COST_PER_ENTRY + entry.text.length;

/** The first entries; `next` is the position behind them. */
export async function oldest(
  found: AsyncIterable<PlacedEntry>,
  filter: EntryFilter,
  limit: number,
): Promise<EntryPage> {
  const entries: PlacedEntry[] = [];
  let chars = 0;
  for await (const one of found) {
    if (!matches(filter, one.entry)) continue;
    chars += cost(one);
    const last = entries.at(-1);
    if (last && (entries.length >= limit || chars > MAX_PAGE_CHARS)) return { entries, next: last.end };
    entries.push(one);
  }
  return { entries };
}

/** The last entries before a position; `next` is the position at which they begin. */
export async function newest(
  found: AsyncIterable<PlacedEntry>,
  filter: EntryFilter,
  limit: number,
  before = Number.POSITIVE_INFINITY,
): Promise<EntryPage> {
  let entries: PlacedEntry[] = [];
  let [from, chars, hasMore] = [0, 0, false];
  for await (const one of found) {
    if (one.start >= before) break;
    if (!matches(filter, one.entry)) continue;
    entries.push(one);
    chars += cost(one);
    for (
      ;
      entries.length - from > limit || (chars > MAX_PAGE_CHARS && entries.length - from > 1);
      from += 1
    ) {
      chars -= cost(entries[from] ?? one);
      hasMore = true;
    }
    // What is passed is let go of in large pieces: to shift one at a time is slow.
    if (from > limit + 1_000) [entries, from] = [entries.slice(from), 0];
  }
  entries = entries.slice(from);
  const [first] = entries;
  return { entries, ...(hasMore && first && { next: first.start }) };
}
