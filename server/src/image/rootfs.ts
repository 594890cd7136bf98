import type { BlobStore } from './blob-store.ts';
import type { ImageRecords } from './image-records.ts';
import type { LayerStore, UnpackedLayerRecord } from './layer-store.ts';
import type { RootfsMounts } from './rootfs-mounts.ts';

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

/** Unpacks what is not unpacked yet and gives out the image's file system. */
export function createRootfsSource({ records, blobs, layers, mounts }: Options) {
  const unpacked = async (manifestDigest: string, signal: AbortSignal): Promise<Layer[]> => {
    const found: Layer[] = [];
    for (const { diff_id: diffId, blob_digest: blob } of records.layers(manifestDigest)) {
      const layer = await layers.ensure(diffId, blobs.path(blob), signal);
      records.addLayer(diffId, layer);
      found.push({ ...layer, tree: layers.treePath(diffId) });
    }
    return found;
  };
  return {
    unpack: async (manifestDigest: string, signal: AbortSignal): Promise<void> => {
      await unpacked(manifestDigest, signal);
    },
    async acquire(manifestDigest: string, signal: AbortSignal): Promise<Rootfs> {
      const visible = aboveOpaqueRoot(await unpacked(manifestDigest, signal));
      // Where the layers bring no place for the runtime's own mounts, the base has it: a rootfs is read-only.
      const trees = [layers.baseTree, ...visible.map(({ tree }) => tree)];
      if (trees.length === 1)
        return { path: layers.baseTree, layers: trees, release: () => Promise.resolve() };
      const path = await mounts.acquire(manifestDigest, trees);
      return { path, layers: trees, release: releaseOnce(() => mounts.release(manifestDigest)) };
    },
  };
}

/** Overlay knows no opaque mark on the root of a layer, so what lies below such a layer is left out. */
function aboveOpaqueRoot(layers: Layer[]): Layer[] {
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
