import type { PlacedEntry } from '../journal/journal-reader.ts';
import { summarize } from '../journal/process-summary.ts';
import type { ProcessSummary } from '../journal/process-summary.ts';
import { matches, newest, oldest } from '../journal/select-entries.ts';
import type { EntryFilter, EntryPage } from '../journal/select-entries.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { isEnded } from './lifecycle.ts';

/** A part of a log: its first lines behind a position, or its last ones before it. */
export interface LogPage {
  filter: EntryFilter;
  from: 'oldest' | 'newest';
  limit: number;
  /** `next` of the page before. */
  at?: number;
}

export interface LogFollowing {
  filter: EntryFilter;
  /** Behind this position; absent: behind the last `tail` lines that are there, or all of them. */
  after?: number;
  tail?: number;
  idleMs: number;
  signal: AbortSignal;
}

/** The part of the sandboxes that shows what their processes print. */
export function createLogCalls({ journals, store }: SandboxContext) {
  const read = ({ id }: SandboxRecord, after?: number) => journals.read(id, after);

  /** The last lines that are there, and the position behind all that was looked at. */
  const lastLines = async (record: SandboxRecord, filter: EntryFilter, tail: number) => {
    let end = 0;
    const seen = async function* (): AsyncGenerator<PlacedEntry> {
      for await (const one of read(record)) {
        end = one.end;
        yield one;
      }
    };
    const { entries } = await newest(seen(), filter, tail);
    return { entries, end };
  };

  return {
    /** A part of what a sandbox has printed, of one that has ended too. */
    readLog: (record: SandboxRecord, { filter, from, limit, at }: LogPage): Promise<EntryPage> =>
      from === 'oldest' ? oldest(read(record, at), filter, limit) : newest(read(record), filter, limit, at),
    /** The processes of which lines are kept. */
    loggedProcesses: (record: SandboxRecord): Promise<ProcessSummary[]> => summarize(read(record)),
    /** What a sandbox has printed and prints, to its end. */
    followLog: async function* (
      record: SandboxRecord,
      { filter, after, tail, ...rest }: LogFollowing,
    ): AsyncGenerator<PlacedEntry | 'idle'> {
      let position = after ?? 0;
      if (after === undefined && tail !== undefined) {
        const { entries, end } = await lastLines(record, filter, tail);
        yield* entries;
        position = end;
      }
      const isOver = (): boolean => {
        const now = store.byId(record.workspaceId, record.id);
        return now === undefined || (isEnded(now.state) && now.operation === undefined);
      };
      for await (const one of journals.tail(record.id, { ...rest, after: position, isOver }))
        if (one === 'idle' || matches(filter, one.entry)) yield one;
    },
  };
}
