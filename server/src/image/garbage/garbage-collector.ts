import type { BlobStore } from '../blob-store.ts';
import type { LayerStore } from '../layer-store.ts';
import type { RootfsMounts } from '../rootfs-mounts.ts';
import type { UploadStore } from '../registry/upload-store.ts';
import type { Dead, DeadImage, GarbageRecords, MarkOptions } from './garbage-records.ts';

export interface PruneOptions {
  /** Images and manifests that lost their last name longer ago than this go; absent: only a build's without a name do, after a week. */
  olderThanMs?: number;
  /** Whose names are pruned; absent: everybody's. Bytes that nobody needs go in any case. */
  workspaceId?: string;
  /** Tells what would go and leaves it. */
  dryRun?: boolean;
}

export interface PruneReport {
  images: DeadImage[];
  blobCount: number;
  blobBytes: number;
  layerCount: number;
  layerBytes: number;
}

interface Options {
  records: GarbageRecords;
  blobs: BlobStore;
  layers: LayerStore;
  mounts: Pick<RootfsMounts, 'forget'>;
  uploads: UploadStore;
  pinned: () => string[];
  now: () => number;
}

/** A push may pause this long between two of its requests. */
const PUSH_IDLE_MS = 15 * 60_000;
/** For trying what a failed build left, and for using an image by its id alone. */
const KEEP_UNNAMED_MS = 7 * 24 * 3_600_000;
/** How long what was fetched for the base of a build stays for the next one, used or not. */
const KEEP_FETCHED_MS = 24 * 3_600_000;

export type GarbageCollector = ReturnType<typeof createGarbageCollector>;

/**
 * Frees what nothing reaches. Deciding, deleting the rows and moving the files into the trash is one synchronous
 * step, so no push, import or sandbox can claim in between what is about to go. The bytes leave the disk afterwards.
 */
export function createGarbageCollector(options: Options) {
  const { records, blobs, layers, mounts, uploads } = options;
  let last: Promise<unknown> = Promise.resolve();

  const markOptions = ({ olderThanMs, workspaceId }: PruneOptions): MarkOptions => ({
    cutoff: olderThanMs === undefined ? -1 : options.now() - olderThanMs,
    unnamedCutoff: options.now() - KEEP_UNNAMED_MS,
    pushCutoff: options.now() - PUSH_IDLE_MS,
    keptCutoff: options.now() - KEEP_FETCHED_MS,
    activeLeases: uploads.owners().map((owner) => `push:${owner}`),
    pinned: options.pinned(),
    ...(workspaceId !== undefined && { workspaceId }),
  });
  const sweep = (prune: PruneOptions): PruneReport => {
    const dead = records.transaction(() => records.sweep(markOptions(prune)));
    return report(dead, discardBlobs(dead), discardLayers());
  };
  const discardBlobs = (dead: Dead): number[] => {
    const sizes = new Map(dead.blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
    const gone = blobs.digests().filter((digest) => !records.isKnownBlob(digest));
    return gone.map((digest) => {
      const sizeBytes = sizes.get(digest) ?? blobs.sizeBytes(digest);
      blobs.discard(digest);
      return sizeBytes;
    });
  };
  const discardLayers = (): number[] =>
    layers
      .diffIds()
      .filter((diffId) => !records.isKnownLayer(diffId))
      .map((diffId) => layers.discard(diffId));
  const collect = async (prune: PruneOptions): Promise<PruneReport> => {
    await uploads.expire();
    const { dead, shown } = rehearse(options, markOptions(prune));
    if (prune.dryRun) return shown;
    // The kernel keeps what a mount stands on, and the next sandbox of the same image would find the old mount.
    for (const digest of dead.manifests) await mounts.forget(digest);
    const swept = sweep(prune);
    records.checkpoint();
    await blobs.emptyTrash();
    await layers.emptyTrash();
    return swept;
  };
  return {
    /** One run after the other. */
    collect: (prune: PruneOptions): Promise<PruneReport> => {
      const turn = last.then(
        () => collect(prune),
        () => collect(prune),
      );
      last = turn;
      return turn;
    },
    settled: async (): Promise<void> => {
      await last.catch(() => {});
    },
  };
}

class Rehearsed extends Error {
  readonly dead: Dead;
  readonly shown: PruneReport;

  constructor(dead: Dead, shown: PruneReport) {
    super('rehearsed');
    this.dead = dead;
    this.shown = shown;
  }
}

/** What a run would free, by a transaction that is rolled back. */
function rehearse(options: Options, mark: MarkOptions): { dead: Dead; shown: PruneReport } {
  const { records, blobs, layers } = options;
  try {
    records.transaction(() => {
      const dead = records.sweep(mark);
      const blobSizes = blobs
        .digests()
        .filter((digest) => !records.isKnownBlob(digest))
        .map(blobs.sizeBytes);
      const layerSizes = layers
        .diffIds()
        .filter((diffId) => !records.isKnownLayer(diffId))
        .map((diffId) => layers.find(diffId)?.sizeBytes ?? 0);
      throw new Rehearsed(dead, report(dead, blobSizes, layerSizes));
    });
  } catch (error) {
    if (error instanceof Rehearsed) return error;
    throw error;
  }
  throw new Error('a rehearsal always ends by rolling back');
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

const report = (dead: Dead, blobSizes: readonly number[], layerSizes: readonly number[]): PruneReport => ({
  images: dead.images,
  blobCount: blobSizes.length,
  blobBytes: sum(blobSizes),
  layerCount: layerSizes.length,
  layerBytes: sum(layerSizes),
});
