import { ApiError } from '@atoll/protocol';
import { COPY_HOLDER } from '../checkpoint/checkpoint-store.ts';
import { pause } from '../lib/deadline.ts';
import type { SnapshotRecord } from '../snapshot/snapshot-records.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { noRules } from './network-rules.ts';
import { readAsleep } from './read-asleep.ts';

const RETRY_AFTER_MS = 5_000;
const MAX_PAUSE_MS = 30 * 60_000;

export type MemoryFiles = ReturnType<typeof createMemoryFiles>;

/**
 * Reads the files of memory snapshots out of their checkpoints, one after the other: another version of the runtime or
 * another processor cannot restore the memory, and the files are there even then. Not while the sandbox itself stands
 * still, which would be twice as long. What fails is tried again after a pause that doubles, unless no try can change it
 * before the next start of the server.
 */
export function createMemoryFiles(context: SandboxContext, retryAfterMs = RETRY_AFTER_MS) {
  const closing = new AbortController();
  let work = Promise.resolve();

  const readOut = async (snapshot: SnapshotRecord): Promise<void> => {
    const { id, checkpointId } = snapshot;
    if (closing.signal.aborted || checkpointId === undefined) return;
    const holder = { kind: COPY_HOLDER, id };
    context.checkpoints.hold(checkpointId, holder);
    try {
      const { signal } = closing;
      const store = (upper: Parameters<typeof context.snapshots.store>[1]): Promise<void> =>
        context.snapshots.store(snapshot, upper, signal);
      const mostBytes = context.checkpoints.find(checkpointId)?.sizeBytes ?? 0;
      const estimateBytes = (): Promise<number> => Promise.resolve(mostBytes);
      const { workspaceId } = snapshot;
      await context.room.write({ workspaceId, mostBytes, estimateBytes, signal }, () =>
        readAsleep(context, asSandbox(context, snapshot), checkpointId, store, signal),
      );
    } finally {
      context.checkpoints.release(holder);
      void context.checkpoints.sweep();
    }
  };

  /** One that is deleted meanwhile is no failure. */
  const isThere = ({ id }: SnapshotRecord): boolean =>
    context.snapshots.withoutFiles().some((each) => each.id === id);

  const attempt = async (snapshotId: string, failures: number): Promise<void> => {
    const snapshot = context.snapshots.withoutFiles().find(({ id }) => id === snapshotId);
    if (snapshot === undefined) return;
    await readOut(snapshot).catch((err: unknown) => {
      if (closing.signal.aborted || !isThere(snapshot)) return;
      context.log.error({ snapshotId, err, failures }, 'the files of a memory snapshot cannot be read');
      if (!isFinal(err)) void tryAgain(snapshotId, failures + 1);
    });
  };

  const tryAgain = async (snapshotId: string, failures: number): Promise<void> => {
    await pause(Math.min(MAX_PAUSE_MS, retryAfterMs * 2 ** failures), closing.signal);
    enqueue(snapshotId, failures);
  };

  const enqueue = (snapshotId: string, failures: number): void => {
    if (closing.signal.aborted) return;
    work = work
      .then(() => attempt(snapshotId, failures))
      .catch((err: unknown) => context.log.error({ snapshotId, err }, 'cannot look for a memory snapshot'));
  };

  const later = ({ id }: Pick<SnapshotRecord, 'id'>): void => enqueue(id, 0);

  return {
    /** Reads the files of this one when its turn comes. */
    later,
    /** Goes on with what an earlier process left. */
    open: (): void => context.snapshots.withoutFiles().forEach(later),
    close: async (): Promise<void> => {
      closing.abort();
      await work;
    },
  };
}

/** This host cannot restore the memory, or no layer can hold the files. */
const isFinal = (err: unknown): boolean => err instanceof ApiError && err.status < 500;

/** What the snapshot is restored as to be read: a sandbox that no record knows. */
const asSandbox = ({ driver }: SandboxContext, snapshot: SnapshotRecord): SandboxRecord => ({
  id: snapshot.id,
  workspaceId: snapshot.workspaceId,
  state: 'suspended',
  incarnation: 1,
  runtime: driver.name,
  image: snapshot.baseImage,
  manifestDigest: snapshot.baseManifestDigest,
  agentDigest: snapshot.agentDigest ?? '',
  limits: snapshot.limits,
  network: noRules,
  networkGeneration: 0,
  exposedPorts: [],
  allowUnauthenticated: false,
  createdAt: snapshot.createdAt,
});
