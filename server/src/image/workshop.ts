import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ApiError } from '@atoll/protocol';
import { randomId } from '../lib/id.ts';
import type { BlobStore } from './blob-store.ts';
import { syncPath } from './durable.ts';
import type { ImageRecords, ManifestParts, Registration } from './image-records.ts';
import { parseJson } from './oci-layout.ts';
import { configSchema, manifestSchema } from './oci-schema.ts';
import type { Descriptor } from './oci-schema.ts';
import type { RootfsSource } from './rootfs.ts';

/** A layer as it is stored, and the digest of what it unpacks to. */
export interface StoredLayer {
  diffId: string;
  blob: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
}

/** An image to put together out of layers that are here. */
export interface ImageParts {
  layers: readonly StoredLayer[];
  /** The whole config, as it will be stored. */
  config: object;
}

interface Options {
  blobs: BlobStore;
  records: ImageRecords;
  rootfs: RootfsSource;
  /** Unpacks an image in the background. */
  unpackAhead: (manifestDigest: string) => void;
}

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** Half the time of the usual level for a tenth more bytes. */
const GZIP_LEVEL = 3;
const EXPORT_TIMEOUT_MS = 60 * 60_000;

export type Workshop = ReturnType<typeof createWorkshop>;

/** Where images are made of layers. What is made belongs to a lease until something refers to it. */
export function createWorkshop({ blobs, records, rootfs, unpackAhead }: Options) {
  const adopt = async (leaseId: string, blob: StoredLayer['blob'], file: string): Promise<void> => {
    records.lease(leaseId, [blob.digest]);
    await syncPath(file);
    await blobs.adopt(blob.digest, file);
    records.addBlob(blob);
  };
  const addJson = async (leaseId: string, mediaType: string, value: object) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
    const file = join(blobs.tempDir, `build-${randomId(16)}`);
    try {
      await writeFile(file, bytes, { flag: 'wx', mode: 0o600 });
      await adopt(leaseId, blob, file);
    } finally {
      await rm(file, { force: true });
    }
    return blob;
  };
  return {
    lease: records.lease,
    endLease: records.endLease,
    addReference: records.addReference,
    dropReferences: records.dropReferences,
    /** What an image that is here consists of. */
    partsOf: (manifestDigest: string): ManifestParts => {
      const parts = records.parts(manifestDigest);
      if (parts) return parts;
      throw new ApiError('image_not_found', `the image ${manifestDigest} was removed in the meantime`);
    },
    /** The directories to merge for layers, lowest first; unpacks what is not. */
    trees: (layers: readonly (StoredLayer & { tree?: string })[], signal: AbortSignal): Promise<string[]> =>
      rootfs.trees(
        layers.map(({ diffId, blob, tree }) => ({
          diff_id: diffId,
          blob_digest: blob.digest,
          ...(tree !== undefined && { tree }),
        })),
        signal,
      ),
    /**
     * Takes a layer in, as the uncompressed archive that `write` passes on; `write` says afterwards whether anything is
     * in it, or throws.
     */
    addLayer: async (
      leaseId: string,
      write: (take: (archive: Readable) => Promise<void>) => Promise<boolean>,
      signal: AbortSignal,
    ): Promise<StoredLayer | undefined> => {
      const file = join(blobs.tempDir, `build-${randomId(16)}`);
      let layer: StoredLayer | undefined;
      try {
        const hasContent = await write(async (archive) => {
          layer = await compress(archive, file, signal);
        });
        if (!hasContent || layer === undefined) return undefined;
        await adopt(leaseId, layer.blob, file);
        records.addSource(layer.diffId, layer.blob.digest);
        return layer;
      } finally {
        await rm(file, { force: true });
      }
    },
    /** Writes config and manifest; returns the digest of the image. */
    addImage: async (leaseId: string, { layers, config }: ImageParts): Promise<string> => {
      const configBlob = await addJson(leaseId, CONFIG_TYPE, config);
      const manifest = {
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: configBlob,
        layers: layers.map(({ blob }) => blob),
      };
      const descriptor = await addJson(leaseId, MANIFEST_TYPE, manifest);
      const configJson = JSON.stringify(config);
      records.addManifest({
        descriptor: { ...descriptor, annotations: undefined, platform: undefined },
        manifest: parseJson(manifestSchema, JSON.stringify(manifest), 'the manifest of the build'),
        config: parseJson(configSchema, configJson, 'the config of the build'),
        configJson,
        blobPath: blobs.path,
      });
      return descriptor.digest;
    },
    /** Refuses a public name of another workspace. */
    verifyOwner: records.verifyOwner,
    register: (registration: Registration, manifestDigest: string): string =>
      records.register(registration, manifestDigest),
    registerUnnamed: records.registerUnnamed,
    unpackAhead,
    isNamed: ({ workspaceId, repository, tag }: Pick<Registration, 'workspaceId' | 'repository' | 'tag'>) =>
      records.findByTag(workspaceId, repository, tag) !== undefined,
    sizeBytes: records.sizeBytes,
  };
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function compress(archive: Readable, file: string, signal: AbortSignal): Promise<StoredLayer> {
  const [plain, packed] = [createHash('sha256'), createHash('sha256')];
  let size = 0;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(EXPORT_TIMEOUT_MS)]);
  await pipeline(
    archive,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        plain.update(chunk);
        yield chunk;
      }
    },
    createGzip({ level: GZIP_LEVEL, chunkSize: 256 * 1024 }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        packed.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(file, { flags: 'wx', mode: 0o600 }),
    { signal: limit },
  );
  return {
    diffId: `sha256:${plain.digest('hex')}`,
    blob: { mediaType: LAYER_TYPE, digest: `sha256:${packed.digest('hex')}`, size },
  };
}
