import type { Db } from './db.ts';

export type ChangedKind = 'sandbox' | 'snapshot' | 'pool' | 'build' | 'image';

/** Something of a workspace is not as it was before this number: it was made, changed or taken away. */
export interface Change {
  id: number;
  kind: ChangedKind;
  target: string;
}

/**
 * `following` comes first: no change behind its number will be missed. `lost` comes in its place where changes before
 * it are no longer known, so what was seen before may be wrong. `idle`: nothing new.
 */
export type FeedItem = Change | { id: number; kind: 'following' | 'lost' | 'idle' };

export interface Following {
  /** The number of the last change that was seen; absent: from now on. */
  after?: number;
  /** How long nothing is said before `idle` is. */
  idleMs: number;
  /** Ends the feed. */
  signal: AbortSignal;
}

const READ_AT_ONCE = 500;

export type ChangeFeed = ReturnType<typeof createChangeFeed>;

/**
 * Who follows a workspace hears of each change once, at its own pace: what changed several times since the last look is
 * told once, so a slow reader holds nothing in memory. The numbers go on through restarts.
 */
export function createChangeFeed(db: Db) {
  const bells = new Map<string, Set<() => void>>();
  const lastId = (): number => db.get<{ id: number }>('SELECT max(id) AS id FROM changes')?.id ?? 0;
  let rungUpTo = lastId();
  let isRinging = false;

  const ring = (): void => {
    isRinging = false;
    const changed = db.all<{ workspace: string }>(
      'SELECT DISTINCT workspace_id AS workspace FROM changes WHERE id > ?',
      rungUpTo,
    );
    rungUpTo = lastId();
    for (const { workspace } of changed) bells.get(workspace)?.forEach((bell) => bell());
  };
  db.onWrite(() => {
    if (isRinging || bells.size === 0) return;
    isRinging = true;
    setImmediate(ring);
  });

  /** The oldest number after which every change is still there. */
  const knownSince = (): number =>
    (db.get<{ id: number | null }>('SELECT min(id) AS id FROM changes')?.id ?? 1) - 1;

  const read = (workspaceId: string, after: number): Change[] =>
    db.all<Change & { [column: string]: unknown }>(
      `SELECT max(id) AS id, kind, target FROM (
         SELECT id, kind, target FROM changes WHERE workspace_id = ? AND id > ? ORDER BY id LIMIT ${READ_AT_ONCE})
       GROUP BY kind, target ORDER BY 1`,
      workspaceId,
      after,
    );

  return {
    /** What changes in a workspace from a number on. Ends with the signal. */
    follow: async function* (workspaceId: string, following: Following): AsyncGenerator<FeedItem> {
      const { idleMs, signal } = following;
      let seen = following.after ?? lastId();
      const isLost = seen < knownSince() || seen > lastId();
      if (isLost) seen = lastId();
      yield { id: seen, kind: isLost ? 'lost' : 'following' };
      while (!signal.aborted) {
        // Read and then waited for without a pause between: no change falls in there.
        const changes = read(workspaceId, seen);
        if (changes.length === 0) {
          if (await hears(bells, workspaceId, idleMs, signal)) continue;
          yield { id: seen, kind: 'idle' };
        }
        for (const change of changes) {
          seen = change.id;
          yield change;
        }
      }
    },
  };
}

/** Waits for the workspace's bell; false when nothing was heard in time. */
function hears(
  bells: Map<string, Set<() => void>>,
  workspaceId: string,
  idleMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const mine = bells.get(workspaceId) ?? new Set();
    const end = (heard: boolean) => (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      mine.delete(onBell);
      if (mine.size === 0) bells.delete(workspaceId);
      resolve(heard);
    };
    const onBell = end(true);
    const onAbort = end(true);
    const timer = setTimeout(end(false), idleMs);
    signal.addEventListener('abort', onAbort, { once: true });
    mine.add(onBell);
    bells.set(workspaceId, mine);
  });
}
