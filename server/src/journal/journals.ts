import { EventEmitter, once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../lib/log.ts';
import { collect, collectLast } from './collector.ts';
import type { JournalSource } from './collector.ts';
import { readEntries } from './journal-reader.ts';
import type { PlacedEntry } from './journal-reader.ts';
import { sweepJournals, usualRetention } from './journal-retention.ts';
import type { JournalRetention } from './journal-retention.ts';
import { JournalWriter } from './journal-writer.ts';
import { usualJournalLimits } from './segments.ts';
import type { JournalLimits } from './segments.ts';

export interface JournalsOptions {
  dataDir: string;
  now: () => number;
  log: Log;
  limits?: JournalLimits;
  retention?: JournalRetention;
}

/** Who writes the journal of a sandbox. */
export interface JournalFollower {
  /** Takes what the agent still has, once the signal has ended the following. Never rejects, and waits an instant at most. */
  takeLast: () => Promise<void>;
}

export interface FollowOptions {
  after: number;
  /** How long nothing comes before `idle` does. */
  idleMs: number;
  signal: AbortSignal;
  /** Whether nothing comes any more. */
  isOver: () => boolean;
}

export type Journals = ReturnType<typeof openJournals>;

/** What the processes of each sandbox print, kept on disk in bounded files beyond the sandbox's end. */
export function openJournals(options: JournalsOptions) {
  const { now, log, limits = usualJournalLimits } = options;
  const root = join(options.dataDir, 'journal');
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const dirOf = (sandboxId: string): string => join(root, sandboxId);
  const bells = new EventEmitter().setMaxListeners(0);
  const ring = (sandboxId: string): void => void bells.emit(`of ${sandboxId}`);
  /** Of each sandbox the one who writes now, or last: a successor waits for its end. */
  const writing = new Map<string, Promise<void>>();

  /** Until its end or its sleep on disk, each sandbox has one that knows what is written. */
  const writers = new Map<string, JournalWriter>();

  const writerOf = async (sandboxId: string): Promise<JournalWriter> => {
    const known = writers.get(sandboxId);
    if (known) return known;
    const opened = await JournalWriter.open({
      dir: dirOf(sandboxId),
      limits,
      now,
      onError: (err) => log.warn({ sandboxId, err }, 'cannot keep what a sandbox prints'),
    });
    writers.set(sandboxId, opened);
    return opened;
  };

  /** In turn for each sandbox. The sandbox lives on whatever becomes of its journal. */
  const inTurn = (sandboxId: string, write: (writer: JournalWriter) => Promise<void>): Promise<void> => {
    const turn = (writing.get(sandboxId) ?? Promise.resolve())
      .then(() => writerOf(sandboxId))
      .then(write)
      .catch((err: unknown) => log.warn({ sandboxId, err }, 'cannot keep what a sandbox prints'));
    writing.set(sandboxId, turn);
    void turn.then(() => {
      if (writing.get(sandboxId) === turn) writing.delete(sandboxId);
    });
    return turn;
  };

  return {
    /** Keeps what an agent has and gets to tell, from a moment on until the signal. */
    follow: (
      sandboxId: string,
      source: JournalSource,
      { after, signal }: { after: Promise<void>; signal: AbortSignal },
    ): JournalFollower => {
      const onWritten = (): void => ring(sandboxId);
      void inTurn(sandboxId, async (writer) => {
        await after;
        await collect({ source, writer, onWritten, signal });
      });
      return { takeLast: () => inTurn(sandboxId, (writer) => collectLast(source, writer, onWritten)) };
    },
    /** The entries behind a position to where the journal ends now. */
    read: (sandboxId: string, after?: number): AsyncGenerator<PlacedEntry> =>
      readEntries(dirOf(sandboxId), after),
    /** The entries behind a position and those to come, until nothing comes any more or the signal. */
    tail: async function* (sandboxId: string, tail: FollowOptions): AsyncGenerator<PlacedEntry | 'idle'> {
      let seen = tail.after;
      while (!tail.signal.aborted) {
        // Both before the read: what happens during it is seen by the next one.
        const isOver = tail.isOver();
        const bell = listen(bells, `of ${sandboxId}`, tail);
        try {
          const before = seen;
          for await (const one of readEntries(dirOf(sandboxId), seen)) {
            seen = one.end;
            yield one;
          }
          if (seen > before) continue;
          if (isOver) return;
          if (!(await bell.rung)) yield 'idle';
        } finally {
          bell.end();
        }
      }
    },
    /** The sandbox sleeps on disk, and so does all that is known of its journal. */
    asleep: (sandboxId: string): Promise<void> =>
      inTurn(sandboxId, () => {
        writers.delete(sandboxId);
        return Promise.resolve();
      }),
    /** The sandbox has ended: its journal is kept for a while from now on. */
    ended: (sandboxId: string): void => {
      writers.delete(sandboxId);
      const at = new Date(now());
      void utimes(dirOf(sandboxId), at, at).catch(() => {}); // it printed nothing
      ring(sandboxId);
    },
    /** Deletes the journals of sandboxes that ended long ago, or that nobody knows. */
    sweep: (living: ReadonlySet<string>): Promise<void> =>
      sweepJournals(root, living, now(), options.retention ?? usualRetention),
    /** Resolves when nobody writes any more. */
    settled: async (): Promise<void> => void (await Promise.all(writing.values())),
  };
}

/** Hears the bell from now on; `rung` is false when it was not heard in time. */
function listen(bells: EventEmitter, name: string, { idleMs, signal }: FollowOptions) {
  const enough = new AbortController();
  const timer = setTimeout(() => enough.abort(), idleMs);
  const rung = once(bells, name, { signal: AbortSignal.any([enough.signal, signal]) }).then(
    () => true,
    () => signal.aborted,
  );
  return {
    rung,
    end: (): void => {
      clearTimeout(timer);
      enough.abort();
    },
  };
}
