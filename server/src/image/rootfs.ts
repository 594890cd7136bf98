import { ApiError } from '@atoll/protocol';
import type { BlobStore } from './blob-store.ts';
import type { ImageRecords } from './image-records.ts';
import type { LayerStore, UnpackedLayerRecord } from './layer-store.ts';
import type { RootfsMounts } from './rootfs-mounts.ts';
import { verifyLayer } from './verify-layer.ts';

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
  const pins = createPins();
  const unpacked = (manifestDigest: string, signal: AbortSignal): Promise<Layer[]> =>
    unpackAll(manifestDigest, signal).catch((error: unknown) => {
      throw namingImage(error, manifestDigest);
    });
  const unpackAll = async (manifestDigest: string, signal: AbortSignal): Promise<Layer[]> => {
    const found: Layer[] = [];
    for (const { diff_id: diffId, blob_digest: blob } of records.layers(manifestDigest)) {
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
    const visible = aboveOpaqueRoot(await unpacked(manifestDigest, signal));
    // Where the layers bring no place for the runtime's own mounts, the base has it: a rootfs is read-only.
    const trees = [layers.baseTree, ...visible.map(({ tree }) => tree)];
    if (trees.length === 1) return { path: layers.baseTree, layers: trees, release: () => Promise.resolve() };
    const path = await mounts.acquire(manifestDigest, trees);
    return { path, layers: trees, release: () => mounts.release(manifestDigest) };
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
