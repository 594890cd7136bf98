import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomId } from '../lib/id.ts';
import type { BlobStore } from './blob-store.ts';
import { deriveImage } from './derived-image.ts';
import type { LayerOrigin } from './derived-image.ts';
import type { ImageRecords } from './image-records.ts';
import { writeLayerFile } from './layer-file.ts';
import type { LayerFile } from './layer-file.ts';
import { UpperRewriter } from './upper-rewriter.ts';
import type { UpperContent, UpperIds } from './upper-rewriter.ts';

/** An upper directory that becomes the last layer of a new image. */
export interface UpperLayer extends LayerOrigin {
  baseDigest: string;
  /** The upper directory as tar, in any form that overlays are exported in. */
  tar: AsyncIterable<Buffer>;
  /** Absent where the stream has the sandbox's own ids. */
  ids?: UpperIds;
}

export interface DerivedImage {
  manifestDigest: string;
  layer: LayerFile;
  content: UpperContent;
}

interface Options {
  blobs: BlobStore;
  records: ImageRecords;
  transaction: <T>(work: () => T) => T;
}

const TIMEOUT_MS = 30 * 60_000;

/**
 * Adds an upper directory to an image as one more layer. Blobs are held by a lease until `commit`, which runs in the
 * transaction that makes the manifest known and there writes who keeps it.
 */
export function createLayerAdder({ blobs, records, transaction }: Options) {
  const store = async (upper: UpperLayer, leaseId: string, signal: AbortSignal) => {
    const temp = join(blobs.tempDir, randomId(16));
    const rewriter = new UpperRewriter(upper.ids);
    try {
      const layer = await writeLayerFile(upper.tar, rewriter, temp, signal);
      const lease = (digests: readonly string[]): void => records.lease(leaseId, digests);
      lease([layer.digest]);
      // Each waits for the disk, and the disk takes all of them in one go.
      const [image] = await Promise.all([
        deriveImage(blobs, upper.baseDigest, layer, upper, lease),
        blobs.adopt(layer.digest, temp),
      ]);
      return { image, layer, content: rewriter.content() };
    } finally {
      await rm(temp, { force: true });
    }
  };
  return async (
    upper: UpperLayer,
    commit: (derived: DerivedImage) => void,
    signal: AbortSignal,
  ): Promise<DerivedImage> => {
    const leaseId = randomId(16);
    const either = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      const { image, layer, content } = await store(upper, leaseId, either);
      const derived = { manifestDigest: image.descriptor.digest, layer, content };
      transaction(() => {
        records.addManifest(image);
        // Proven by having made it.
        records.addSource(layer.diffId, layer.digest);
        commit(derived);
      });
      return derived;
    } finally {
      records.endLease(leaseId);
    }
  };
}
