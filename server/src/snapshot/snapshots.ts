import { ApiError } from '@atoll/protocol';
import type { CheckpointHolder, CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import type { ImageDescription, ImageStore, UpperLayer } from '../image/image-store.ts';
import type { Clock } from '../lib/clock.ts';
import { pause } from '../lib/deadline.ts';
import { newSandboxId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import type { UpperExport } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SnapshotKind, SnapshotRecord, SnapshotRecords } from './snapshot-records.ts';

const RETRY_AFTER_MS = 5_000;
const MAX_RETRY_MS = 10 * 60_000;

interface Options {
  checkpoints: Pick<CheckpointStore, 'release' | 'sweep'>;
  records: SnapshotRecords;
  transaction: <T>(work: () => T) => T;
  images: ImageStore;
  clock: Clock;
  log: Log;
  /** How soon an unpack that failed is tried again, the first time. */
  retryAfterMs?: number;
}

/** A snapshot that sandboxes can start from. */
export interface ReadySnapshot extends SnapshotRecord {
  /** The image that they run on. */
  manifestDigest: string;
  /** What they go on from; absent where they begin anew, with the files alone. */
  memory?: { checkpointId: string; agentDigest: string };
}

/** What to register as an image. */
export interface SnapshotRegistration {
  /** `repository[:tag]` of the workspace. */
  repository: string;
  tag: string;
  isPublic: boolean | undefined;
}

export type Snapshots = ReturnType<typeof createSnapshots>;

/** What keeps the image of a snapshot, and its checkpoint. */
export const snapshotHolder = (id: string): CheckpointHolder => ({ kind: 'snapshot', id });

/**
 * The snapshots of this server. Each is a record and an image without a name: the base of its sandbox and one more
 * layer. The record's reference keeps the image, and so does every sandbox that starts from it. One of memory is a
 * checkpoint first, which makes it `local_ready`; its files are read out of that afterwards, so that they can be started
 * where the checkpoint cannot be restored any more.
 */
export function createSnapshots({
  records,
  transaction,
  images,
  checkpoints,
  clock,
  log,
  retryAfterMs = RETRY_AFTER_MS,
}: Options) {
  const closing = new AbortController();
  const underWay = new Set<Promise<void>>();

  const settled = async (): Promise<void> => void (await Promise.allSettled(underWay));

  const find = (workspaceId: string, id: string): SnapshotRecord => {
    const record = records.byId(workspaceId, id);
    if (record) return record;
    throw new ApiError('snapshot_not_found', `no snapshot ${JSON.stringify(id.slice(0, 80))}`);
  };

  /** From now on the snapshot alone keeps its image; until now that was its base. */
  const commit = (record: SnapshotRecord, manifestDigest: string, layerBytes: number): void => {
    const sizeBytes = (record.sizeBytes ?? 0) + layerBytes;
    const change = { status: 'local_ready', manifestDigest, sizeBytes } as const;
    if (!records.change(record.id, record.status, change))
      throw new Error(`snapshot ${record.id} is no longer ${record.status}`);
    images.dropReferences(snapshotHolder(record.id));
    images.addReference(manifestDigest, snapshotHolder(record.id));
  };

  /** Answers whether there is nothing left to do. What cannot be unpacked is no snapshot. */
  const tryToComplete = async (record: SnapshotRecord, manifestDigest: string): Promise<boolean> => {
    try {
      const { unpackedBytes } = await images.unpack(manifestDigest, closing.signal);
      records.change(record.id, 'local_ready', { status: 'completed', rootfsDiskBytes: unpackedBytes });
      return true;
    } catch (err) {
      if (closing.signal.aborted) return true;
      log.error({ snapshotId: record.id, err }, 'a snapshot cannot be unpacked');
      if (!(err instanceof ApiError) || err.status >= 500) return false;
      // What is in memory is there even so.
      if (record.kind !== 'memory') fail(record, 'local_ready', err);
      return true;
    }
  };

  /** What only could not be now, for want of space say, is tried again, until this server ends or the snapshot is removed. */
  const complete = async (record: SnapshotRecord, manifestDigest: string): Promise<void> => {
    for (let waitMs = retryAfterMs; ; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
      if (await tryToComplete(record, manifestDigest)) return;
      await pause(waitMs, closing.signal);
      const isWaiting = records.byId(record.workspaceId, record.id)?.status === 'local_ready';
      if (closing.signal.aborted || !isWaiting) return;
    }
  };

  const completeLater = (record: SnapshotRecord, manifestDigest: string): void => {
    const work = complete(record, manifestDigest).finally(() => underWay.delete(work));
    underWay.add(work);
  };

  const fail = (record: SnapshotRecord, from: 'in_progress' | 'local_ready', cause: unknown): void => {
    const error = cause instanceof ApiError ? cause.message : 'the snapshot could not be taken';
    transaction(() => {
      if (records.change(record.id, from, { status: 'failed', error }))
        images.dropReferences(snapshotHolder(record.id));
    });
  };

  return {
    /** Writes the intent. To be called in the transaction that begins the operation on the sandbox. */
    begin: (sandbox: SandboxRecord, kind: SnapshotKind): SnapshotRecord => {
      const record: SnapshotRecord = {
        id: newSandboxId(),
        workspaceId: sandbox.workspaceId,
        sandboxId: sandbox.id,
        kind,
        status: 'in_progress',
        baseImage: sandbox.image,
        baseManifestDigest: sandbox.manifestDigest,
        limits: sandbox.limits,
        createdAt: clock.now(),
        ...(sandbox.name !== undefined && { sandboxName: sandbox.name }),
        ...(sandbox.originSnapshotId !== undefined && { originSnapshotId: sandbox.originSnapshotId }),
        ...(kind === 'memory' && { agentDigest: sandbox.agentDigest }),
        ...(sandbox.entrypoint && { entrypoint: sandbox.entrypoint }),
        ...(sandbox.secretNames && { secretNames: sandbox.secretNames }),
      };
      records.insert(record);
      images.addReference(record.baseManifestDigest, snapshotHolder(record.id));
      return record;
    },
    /** The memory is safe in this checkpoint. To be called in the transaction in which the snapshot comes to hold it. */
    storeMemory: ({ id }: SnapshotRecord, checkpoint: { id: string; sizeBytes: number }): void => {
      const { id: checkpointId, sizeBytes } = checkpoint;
      if (!records.change(id, 'in_progress', { status: 'local_ready', checkpointId, sizeBytes }))
        throw new Error(`snapshot ${id} is no longer in progress`);
    },
    /** Those of memory whose files have not been read out of it yet. */
    withoutFiles: (): SnapshotRecord[] => records.unsettled().filter(lacksFiles),
    /** Makes the image out of what the sandbox has changed. The snapshot is `local_ready` when this resolves. */
    store: async (record: SnapshotRecord, { tar, ids }: UpperExport, signal: AbortSignal): Promise<void> => {
      const upper: UpperLayer = {
        baseDigest: record.baseManifestDigest,
        tar,
        createdAt: record.createdAt,
        createdBy: `snapshot ${record.id} of sandbox ${record.sandboxId}`,
        ...(ids && { ids }),
      };
      const either = AbortSignal.any([signal, closing.signal]);
      const { manifestDigest, content } = await images.addLayer(
        upper,
        (derived) => commit(record, derived.manifestDigest, derived.layer.sizeBytes),
        either,
      );
      if (content.droppedCount > 0)
        log.warn({ snapshotId: record.id, ...content }, 'a snapshot leaves out what no layer can hold');
      completeLater(record, manifestDigest);
    },
    /** Writes why it failed, unless it is past that. */
    fail: (record: SnapshotRecord, cause: unknown): void => fail(record, 'in_progress', cause),
    find,
    list: records.list,
    listOf: records.listOf,
    /** One that sandboxes can start from now, with all that it holds or with one part of that. */
    findReady: (workspaceId: string, id: string, part?: SnapshotKind): ReadySnapshot => {
      const record = find(workspaceId, id);
      requireReady(record);
      return (part ?? record.kind) === 'memory' ? readyMemory(record) : readyFiles(record);
    },
    /**
     * Sandboxes and images that come from it keep its files, which go with the last of them; a start that is under way
     * keeps its memory until it has ended.
     */
    remove: (workspaceId: string, id: string): void => {
      const record = find(workspaceId, id);
      if (record.status === 'in_progress')
        throw new ApiError('conflict', `snapshot ${id} is being taken`, {
          hint: 'Wait until it is completed, or terminate its sandbox.',
        });
      transaction(() => {
        records.remove(id);
        images.dropReferences(snapshotHolder(id));
        checkpoints.release(snapshotHolder(id));
      });
      void checkpoints.sweep();
    },
    /** Makes an image of the workspace out of a snapshot: a name for what is there already. */
    register: (workspaceId: string, id: string, registration: SnapshotRegistration): ImageDescription => {
      const record = find(workspaceId, id);
      if (record.kind === 'memory')
        throw new ApiError('unsupported', `snapshot ${id} holds memory, which no image can`, {
          hint: 'Take a filesystem snapshot: `atoll sbx checkpoint ID --checkpoint-type filesystem`.',
        });
      requireReady(record);
      const { manifestDigest } = readyFiles(record);
      return images.registerManifest(
        { workspaceId, ...registration, base: record.baseImage },
        manifestDigest,
      );
    },
    /** Settles what an earlier process left: nobody carries on what was in progress. */
    reconcile: (): void => {
      for (const record of records.unsettled()) {
        const { status, manifestDigest } = record;
        if (status === 'local_ready' && manifestDigest !== undefined) completeLater(record, manifestDigest);
        else if (status === 'in_progress')
          fail(record, 'in_progress', new ApiError('shutting_down', 'the server ended while it was taken'));
      }
    },
    /** Resolves once nothing is being unpacked, nor waits to be. */
    settled,
    close: async (): Promise<void> => {
      closing.abort(new ApiError('shutting_down', 'the server is stopping'));
      await settled();
    },
  };
}

const lacksFiles = ({ kind, status, manifestDigest }: SnapshotRecord): boolean =>
  kind === 'memory' && status === 'local_ready' && manifestDigest === undefined;

function requireReady({ id, status, error }: SnapshotRecord): void {
  if (status === 'local_ready' || status === 'completed') return;
  const why = error === undefined ? status : `${status}: ${error}`;
  throw new ApiError('invalid_state', `snapshot ${id} is not completed: it is ${why}`);
}

/** The layers are those that the sandbox stood on: what it had changed of them is in the checkpoint. */
function readyMemory(record: SnapshotRecord): ReadySnapshot {
  const { id, checkpointId, agentDigest } = record;
  if (checkpointId === undefined || agentDigest === undefined)
    throw new ApiError('invalid_request', `snapshot ${id} holds files alone, no memory`);
  return { ...record, manifestDigest: record.baseManifestDigest, memory: { checkpointId, agentDigest } };
}

function readyFiles(record: SnapshotRecord): ReadySnapshot {
  const { id, manifestDigest } = record;
  if (manifestDigest !== undefined) return { ...record, manifestDigest };
  throw new ApiError('invalid_state', `the files of snapshot ${id} are still being read out of its memory`, {
    hint: 'Wait until it is completed.',
  });
}
