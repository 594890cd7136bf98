import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { randomId } from '../lib/id.ts';
import type { BlobStore } from './blob-store.ts';
import { syncPath } from './durable.ts';
import type { LayerFile } from './layer-file.ts';
import { parseJson } from './oci-layout.ts';
import type { LayoutImage } from './oci-layout.ts';
import { configSchema, manifestSchema } from './oci-schema.ts';
import type { Descriptor, Manifest } from './oci-schema.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** Beside what the store reads of a config, whatever else is in it stays. */
const looseConfig = z.looseObject({
  rootfs: z.looseObject({ type: z.literal('layers'), diff_ids: z.array(z.string()) }),
  history: z.array(z.unknown()).nullish(),
});

/** What the history of the new image says of its last layer. */
export interface LayerOrigin {
  createdAt: number;
  createdBy: string;
}

/**
 * The image with one more layer on top: its config says so, everything else is the base's. Both new documents go into
 * the blob store; nothing refers to them yet, so the caller holds a lease on them.
 */
export async function deriveImage(
  blobs: BlobStore,
  baseDigest: string,
  layer: LayerFile,
  origin: LayerOrigin,
  lease: (digests: readonly string[]) => void,
): Promise<LayoutImage> {
  const base = parseJson(manifestSchema, await readFile(blobs.path(baseDigest)), `manifest ${baseDigest}`);
  const configText = await readFile(blobs.path(base.config.digest), 'utf8');
  const configJson = JSON.stringify(withLayer(configText, layer.diffId, origin));
  const config = describe(configJson, CONFIG);
  const manifest = addLayer(base, config, layer);
  const manifestJson = JSON.stringify(manifest);
  const descriptor = describe(manifestJson, MANIFEST);
  lease([config.digest, descriptor.digest]);
  await Promise.all([store(blobs, config.digest, configJson), store(blobs, descriptor.digest, manifestJson)]);
  return {
    descriptor,
    manifest: manifestSchema.parse(manifest),
    config: parseJson(configSchema, configJson, 'the config of the derived image'),
    configJson,
    blobPath: blobs.path,
  };
}

function withLayer(configText: string, diffId: string, { createdAt, createdBy }: LayerOrigin): object {
  const config = parseJson(looseConfig, configText, 'the config of the base image');
  const created = new Date(createdAt).toISOString();
  return {
    ...config,
    created,
    rootfs: { ...config.rootfs, diff_ids: [...config.rootfs.diff_ids, diffId] },
    history: [...(config.history ?? []), { created, created_by: createdBy }],
  };
}

/** A manifest has one family of media types; the layers of a Docker image are the same in the other one's words. */
function addLayer(base: Manifest, config: Descriptor, layer: LayerFile): object {
  const own = { mediaType: layer.mediaType, digest: layer.digest, size: layer.sizeBytes };
  return {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: config.mediaType, digest: config.digest, size: config.size },
    layers: [...base.layers.map(inOciWords), own],
  };
}

const inOciWords = ({ mediaType, digest, size }: Descriptor) => ({
  mediaType: mediaType
    .replace('vnd.docker.image.rootfs.foreign.diff.tar', 'vnd.oci.image.layer.nondistributable.v1.tar')
    .replace('vnd.docker.image.rootfs.diff.tar', 'vnd.oci.image.layer.v1.tar')
    .replace(/\.(gzip|zstd)$/, '+$1'),
  digest,
  size,
});

const describe = (text: string, mediaType: string): Descriptor => ({
  mediaType,
  digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
  size: Buffer.byteLength(text),
  annotations: undefined,
  platform: undefined,
});

async function store(blobs: BlobStore, digest: string, text: string): Promise<void> {
  if (blobs.has(digest)) return;
  const temp = join(blobs.tempDir, randomId(16));
  await writeFile(temp, text, { flag: 'wx', mode: 0o600 });
  await syncPath(temp);
  await blobs.adopt(digest, temp);
}
