import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol/errors';
import { randomId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import type { Db } from '../store/db.ts';
import { createCheckpointRecords } from './checkpoint-records.ts';
import type { CheckpointHolder, CheckpointRow } from './checkpoint-records.ts';
import { readCpuFeatures } from './cpu-features.ts';
import { readManifest, sealManifest } from './manifest.ts';
import type { CheckpointFacts, CheckpointManifest } from './manifest.ts';
import { createVerifiedFolders } from './verified-folders.ts';

export type { CheckpointFacts, CheckpointHolder, CheckpointManifest, CheckpointRow };

export interface CheckpointStoreOptions {
  db: Db;
  dataDir: string;
  serverKey: Buffer;
  log: Log;
  /** Told when one is deleted, in the same transaction. */
  onRemoved?: (id: string) => void;
  now?: () => number;
}

/** Files that are complete, verified by nobody yet but their writer, and belong to no record until `commit`. */
export interface WrittenCheckpoint {
  id: string;
  sizeBytes: number;
}

/** Verified files. */
export interface OpenedCheckpoint {
  dir: string;
  manifest: CheckpointManifest;
}

/** What a checkpoint must fit to be restored. */
export interface RestoreHost {
  runtime: string;
  runtimeVersion: string;
}

/** While copies start; nobody carries them on after a restart. */
export const COPY_HOLDER = 'copy';

export type CheckpointStore = Awaited<ReturnType<typeof openCheckpointStore>>;

/**
 * Checkpoints as folders of the data directory, readable by the server alone and reachable through no API: they hold
 * memory, and so secrets, and gVisor trusts what they say.
 */
export async function openCheckpointStore(options: CheckpointStoreOptions) {
  const { db, serverKey, log, now = Date.now } = options;
  const root = join(options.dataDir, 'checkpoints');
  const dirOf = (id: string): string => join(root, id);
  const temporaryOf = (id: string): string => join(root, `${id}.tmp`);
  const records = createCheckpointRecords(db);
  const verified = createVerifiedFolders({ serverKey, now });
  await mkdir(root, { recursive: true, mode: 0o700 });

  /** The row goes last, so that files without one are never left. */
  const remove = async (id: string): Promise<void> => {
    for (const path of [temporaryOf(id), dirOf(id)]) await rm(path, { recursive: true, force: true });
    db.transaction(() => {
      records.remove(id);
      options.onRemoved?.(id);
    });
  };
  const removeSurely = (id: string): Promise<void> =>
    remove(id).catch((err: unknown) =>
      log.error({ checkpointId: id, err }, 'a checkpoint stays on the disk'),
    );

  let removing = Promise.resolve();
  /** Deletes what nobody holds any more, one after the other; never rejects. What it cannot see now, the next one sees. */
  const sweep = (): Promise<void> => {
    removing = removing
      .then(async () => {
        for (const id of records.unheld()) await removeSurely(id);
      })
      .catch((err: unknown) => log.error({ err }, 'cannot look for checkpoints that nobody holds'));
    return removing;
  };

  const publish = async (
    facts: CheckpointFacts,
    id: string,
    signal: AbortSignal | undefined,
  ): Promise<WrittenCheckpoint> => {
    const from = temporaryOf(id);
    const sealed = await sealManifest(from, { ...facts, id, createdAt: now() }, serverKey, signal);
    await syncDir(from);
    await rename(from, dirOf(id));
    await syncDir(root);
    await verified.sealed(dirOf(id), sealed);
    return { id, sizeBytes: sealed.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  };

  return {
    /** Lets `save` fill an empty folder and makes a checkpoint of it; a failure, or the signal, leaves nothing. */
    write: async (
      facts: CheckpointFacts,
      save: (dir: string) => Promise<void>,
      signal?: AbortSignal,
    ): Promise<WrittenCheckpoint> => {
      const id = randomId(21);
      const { workspaceId, sandboxId } = facts;
      records.begin({ id, workspaceId, sandboxId, createdAt: now() });
      try {
        await mkdir(temporaryOf(id), { mode: 0o700 });
        await save(temporaryOf(id));
        return await publish(facts, id, signal);
      } catch (error) {
        await removeSurely(id);
        throw error;
      }
    },
    /** Gives it to its first holder. To be called in the transaction that writes the holder's own record. */
    commit: ({ id, sizeBytes }: WrittenCheckpoint, holder: CheckpointHolder): void => {
      records.commit(id, sizeBytes);
      records.hold(id, holder);
    },
    /** Deletes what was written and not committed. */
    discard: ({ id }: WrittenCheckpoint): Promise<void> => removeSurely(id),
    /** One more holder. To be called while somebody else holds it. */
    hold: (id: string, holder: CheckpointHolder): void => records.hold(id, holder),
    /** Lets go of what this holder holds. `sweep` then deletes what nobody holds. */
    release: (holder: CheckpointHolder): void => records.release(holder),
    sweep,
    find: (id: string): CheckpointRow | undefined => records.byId(id),
    /** Says, by its manifest alone, why this host cannot restore a checkpoint. */
    requireFit: async (id: string, host: RestoreHost): Promise<void> => {
      const manifest = await readManifest(dirOf(id), serverKey).catch((cause: unknown) => {
        throw unusable(id, reasonOf(cause), cause);
      });
      await requireHost(id, manifest, host);
    },
    /** The folder of a checkpoint that this host can restore; says why it cannot. */
    open: async (
      id: string,
      host: RestoreHost,
      signal: AbortSignal = new AbortController().signal,
    ): Promise<OpenedCheckpoint> => {
      const manifest = await verified.verify(dirOf(id), signal).catch((cause: unknown) => {
        signal.throwIfAborted();
        throw unusable(id, reasonOf(cause), cause);
      });
      await requireHost(id, manifest, host);
      return { dir: dirOf(id), manifest };
    },
    /** Removes what an earlier process left half done. Before anything else is asked of the store. */
    reconcile: async (): Promise<void> => {
      records.releaseKind(COPY_HOLDER);
      for (const id of records.writing()) await removeSurely(id);
      await sweep();
      const known = new Set(records.ids());
      for (const name of await readdir(root))
        if (!known.has(name)) await rm(join(root, name), { recursive: true, force: true });
    },
    /** Resolves once nothing is being deleted any more. */
    settled: (): Promise<void> => removing,
  };
}

async function requireHost(id: string, manifest: CheckpointManifest, host: RestoreHost): Promise<void> {
  if (manifest.runtime !== host.runtime)
    throw unusable(
      id,
      `it was made by the runtime ${manifest.runtime}, and this server runs ${host.runtime}`,
    );
  if (manifest.runtimeVersion !== host.runtimeVersion)
    throw unusable(id, `it was made by another version of ${manifest.runtime}`);
  const here = new Set(await readCpuFeatures());
  const missing = manifest.cpuFeatures.filter((feature) => !here.has(feature));
  if (missing.length > 0)
    throw unusable(id, `it was made on a processor that can more: ${missing.slice(0, 8).join(', ')}`);
}

/** Errors of the file system name paths of the host. */
const reasonOf = (cause: unknown): string =>
  cause instanceof Error && !('code' in cause) ? cause.message : 'it cannot be read';

const unusable = (id: string, reason: string, cause?: unknown): ApiError =>
  new ApiError('checkpoint_unusable', `checkpoint ${id} cannot be restored: ${reason}`, { cause });

async function syncDir(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}
