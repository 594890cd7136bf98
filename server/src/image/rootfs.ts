import { ApiError } from '@atoll/protocol';
import type { BlobStore } from './blob-store.ts';
import type { ImageRecords, LayerRow } from './image-records.ts';
import type { LayerStore, UnpackedLayerRecord } from './layer-store.ts';
import type { RootfsMounts } from './rootfs-mounts.ts';
import { verifyLayer } from './verify-layer.ts';
import { withoutRepeats } from './without-repeats.ts';

/** An image's file system, ready to run. It stays until `release`. */
export interface Rootfs {
  /** Read-only directory with the merged layers. */
  path: string;
  /** The directories that were merged, lowest first. */
  layers: readonly string[];
  /** Idempotent. */
  release(): Promise<void>;
}

interface Options {
  records: ImageRecords;
  blobs: BlobStore;
  layers: LayerStore;
  mounts: RootfsMounts;
}

interface Layer extends UnpackedLayerRecord {
  tree: string;
}

/** A layer that may lie unpacked somewhere else. */
export interface PlacedLayer extends LayerRow {
  tree?: string;
}

export type RootfsSource = ReturnType<typeof createRootfsSource>;

/** Unpacks what is not unpacked yet and gives out the image's file system. */
export function createRootfsSource({ records, blobs, layers, mounts }: Options) {
  const pins = createPins();
  const unpacked = (manifestDigest: string, signal: AbortSignal): Promise<Layer[]> =>
    unpackAll(manifestDigest, signal).catch((error: unknown) => {
      throw namingImage(error, manifestDigest);
    });
  const unpackAll = (manifestDigest: string, signal: AbortSignal): Promise<Layer[]> =>
    unpackEach(records.layers(manifestDigest), signal);
  const unpackEach = async (rows: readonly LayerRow[], signal: AbortSignal): Promise<Layer[]> => {
    const found: Layer[] = [];
    for (const { diff_id: diffId, blob_digest: blob } of rows) {
      const layer = await layers.ensure(diffId, { digest: blob, path: blobs.path(blob) }, signal);
      if (!records.isKnownSource(diffId, blob)) {
        await verifyLayer(blobs.path(blob), diffId, signal);
        records.addSource(diffId, blob);
      }
      records.addLayer(diffId, layer);
      found.push({ ...layer, tree: layers.treePath(diffId) });
    }
    return found;
  };
  return {
    /** Manifests whose file systems are in use or in the making; garbage collection leaves them alone. */
    pinned: pins.digests,
    /** The directories to merge for layers that somebody holds by a lease, lowest first. */
    trees: async (rows: readonly PlacedLayer[], signal: AbortSignal): Promise<string[]> => {
      const found: Pick<Layer, 'tree' | 'isOpaqueRoot'>[] = [];
      for (const row of rows) {
        if (row.tree === undefined) found.push(...(await unpackEach([row], signal)));
        else found.push({ tree: row.tree, isOpaqueRoot: false });
      }
      return treesOf(found);
    },
    unpack: async (manifestDigest: string, signal: AbortSignal): Promise<void> => {
      const unpin = pins.pin(manifestDigest);
      await unpacked(manifestDigest, signal).finally(unpin);
    },
    async acquire(manifestDigest: string, signal: AbortSignal): Promise<Rootfs> {
      const unpin = pins.pin(manifestDigest);
      try {
        const rootfs = await merge(manifestDigest, signal);
        return { ...rootfs, release: releaseOnce(() => rootfs.release().finally(unpin)) };
      } catch (error) {
        unpin();
        throw error;
      }
    },
  };

  async function merge(manifestDigest: string, signal: AbortSignal): Promise<Rootfs> {
    const trees = treesOf(await unpacked(manifestDigest, signal));
    if (trees.length === 1) return { path: layers.baseTree, layers: trees, release: () => Promise.resolve() };
    const path = await mounts.acquire(manifestDigest, trees);
    return { path, layers: trees, release: () => mounts.release(manifestDigest) };
  }

  /** Where the layers bring no place for the runtime's own mounts, the base has it: a rootfs is read-only. */
  function treesOf(unpackedLayers: Pick<Layer, 'tree' | 'isOpaqueRoot'>[]): string[] {
    return [layers.baseTree, ...withoutRepeats(aboveOpaqueRoot(unpackedLayers).map(({ tree }) => tree))];
  }
}

/** A layer knows nothing of the images that it is part of; who reads why it was refused knows images alone. */
function namingImage(error: unknown, manifestDigest: string): unknown {
  if (!(error instanceof ApiError)) return error;
  const { code, message, hint } = error;
  return new ApiError(code, `image ${manifestDigest}: ${message}`, { cause: error, ...(hint && { hint }) });
}

function createPins() {
  const counts = new Map<string, number>();
  const add = (digest: string, change: 1 | -1): void => {
    const count = (counts.get(digest) ?? 0) + change;
    if (count > 0) counts.set(digest, count);
    else counts.delete(digest);
  };
  return {
    digests: (): string[] => [...counts.keys()],
    pin: (digest: string): (() => void) => {
      add(digest, 1);
      return () => add(digest, -1);
    },
  };
}

/** Overlay knows no opaque mark on the root of a layer, so what lies below such a layer is left out. */
function aboveOpaqueRoot<L extends Pick<Layer, 'isOpaqueRoot'>>(layers: L[]): L[] {
  return layers.slice(
    Math.max(
      0,
      layers.findLastIndex(({ isOpaqueRoot }) => isOpaqueRoot),
    ),
  );
}

function releaseOnce(release: () => Promise<void>): () => Promise<void> {
  let released: Promise<void> | undefined;
  return () => (released ??= release());
}
