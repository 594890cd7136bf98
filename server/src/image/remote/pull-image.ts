import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol';
import { randomId } from '../../lib/id.ts';
import { createSemaphore } from '../../lib/semaphore.ts';
import type { BlobStore } from '../blob-store.ts';
import { tryParseDigest } from '../digest.ts';
import { syncPath } from '../durable.ts';
import type { ImageRecords } from '../image-records.ts';
import { parseJson } from '../oci-layout.ts';
import type { LayoutImage } from '../oci-layout.ts';
import {
  configSchema,
  descriptorSchema,
  indexSchema,
  indexTypes,
  isIndexType,
  isManifestType,
  manifestSchema,
  manifestTypes,
} from '../oci-schema.ts';
import type { Descriptor } from '../oci-schema.ts';
import { choosePlatform, verifyPlatform } from '../platform.ts';
import { downloadBlob } from './download-blob.ts';
import type { Credentials } from './registry-credentials.ts';
import { createRegistrySession } from './registry-session.ts';
import type { RegistrySession } from './registry-session.ts';
import type { RemoteHttp } from './remote-http.ts';
import { showReference } from './remote-reference.ts';
import type { RemoteReference } from './remote-reference.ts';

/** How a pull goes on. */
export type PullEvent =
  | { status: 'resolved'; digest: string; sizeBytes: number; layerCount: number }
  | { status: 'downloading'; digest: string; receivedBytes: number; sizeBytes: number };

export interface PullOptions {
  reference: RemoteReference;
  credentials?: Credentials;
  /** Blobs that the caller may see already are not fetched again. */
  isKnown: (digest: string) => boolean;
  /** Told of each blob that has come whole. */
  onFetched?: (digest: string) => void;
  signal: AbortSignal;
  onProgress: (event: PullEvent) => void;
}

interface Options {
  http: RemoteHttp;
  blobs: BlobStore;
  records: ImageRecords;
  mayBePlain: (host: string) => boolean;
  /** The store is being closed. */
  closing: AbortSignal;
}

const MAX_JSON_BYTES = 4 * 1024 * 1024;
const MAX_INDEX_DEPTH = 4;
const MAX_PARALLEL = 4;
const REPORT_EVERY_MS = 200;

/** Fetches images from other registries. The blobs are held until `use` has given them to somebody. */
export function createPuller(options: Options) {
  const { blobs, records } = options;
  const running = new Set<Promise<unknown>>();
  const start = async <T>(pull: PullOptions, use: (image: LayoutImage) => Promise<T>): Promise<T> => {
    const timeout = AbortSignal.timeout(options.http.limits.timeoutMs);
    const failed = new AbortController();
    const signal = AbortSignal.any([pull.signal, options.closing, timeout, failed.signal]);
    const { registry, repository } = pull.reference;
    const shown = showReference(pull.reference);
    const session = createRegistrySession({ ...options, ...pull, registry, repository, shown, signal });
    const leaseId = randomId(16);
    try {
      const { descriptor, bytes } = await findManifest(session, pull.reference);
      const manifest = parseJson(manifestSchema, bytes, `the manifest ${descriptor.digest}`);
      const parts = [
        ...new Map([manifest.config, ...manifest.layers].map((one) => [one.digest, one])).values(),
      ];
      records.lease(leaseId, [descriptor.digest, ...parts.map(({ digest }) => digest)]);
      announce(pull, descriptor, parts, options.http.limits.maxImageBytes);
      await fetchAll(options, pull, session, parts, failed);
      await addBytes(blobs, descriptor.digest, bytes);
      return await use(await readImage(blobs, descriptor, manifest));
    } catch (error) {
      failed.abort(error);
      if (timeout.aborted && !pull.signal.aborted)
        throw new ApiError('upstream_timeout', `${showReference(pull.reference)} takes too long`, {
          cause: error,
        });
      throw error;
    } finally {
      records.endLease(leaseId);
    }
  };
  return {
    pull: <T>(pull: PullOptions, use: (image: LayoutImage) => Promise<T>): Promise<T> => {
      const work = start(pull, use).finally(() => running.delete(work));
      running.add(work);
      return work;
    },
    /** Resolves when no pull is in flight. */
    settled: async (): Promise<void> => void (await Promise.allSettled(running)),
  };
}

interface FoundManifest {
  descriptor: Descriptor;
  bytes: Buffer;
}

/** The manifest for this machine, through indexes. */
async function findManifest(session: RegistrySession, reference: RemoteReference): Promise<FoundManifest> {
  let version = reference.version;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const found = await fetchManifest(session, version);
    if (isManifestType(found.descriptor.mediaType)) return found;
    const { mediaType, digest } = found.descriptor;
    if (!isIndexType(mediaType))
      throw new ApiError('unsupported', `${showReference(reference)} is no image but ${mediaType}`);
    const index = parseJson(indexSchema, found.bytes, `the index ${digest}`);
    version = choosePlatform(index.manifests, showReference(reference)).digest;
  }
  throw new ApiError('invalid_request', `${showReference(reference)} nests indexes too deep`);
}

async function fetchManifest(session: RegistrySession, version: string): Promise<FoundManifest> {
  const accept = [...manifestTypes, ...indexTypes].join(', ');
  const response = await session.get(`manifests/${version}`, { accept });
  const bytes = await response.text(MAX_JSON_BYTES);
  const expected = tryParseDigest(version);
  const algorithm = expected?.algorithm ?? 'sha256';
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
  const promised = expected ? version : response.head.headers.get('docker-content-digest');
  if (promised !== null && promised.startsWith(`${algorithm}:`) && promised !== digest)
    throw new ApiError('registry_failed', `the manifest has digest ${digest} instead of ${promised}`);
  const mediaType = response.head.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
  return { descriptor: descriptorSchema.parse({ mediaType, digest, size: bytes.length }), bytes };
}

function announce(
  { reference, onProgress }: PullOptions,
  { digest }: Descriptor,
  parts: readonly Descriptor[],
  maxBytes: number,
): void {
  const sizeBytes = parts.reduce((total, { size }) => total + size, 0);
  if (sizeBytes > maxBytes) {
    throw new ApiError(
      'limit_exceeded',
      `${showReference(reference)} has ${sizeBytes} bytes; at most ${maxBytes} are pulled`,
    );
  }
  onProgress({ status: 'resolved', digest, sizeBytes, layerCount: parts.length - 1 });
}

async function fetchAll(
  { blobs }: Options,
  pull: PullOptions,
  session: RegistrySession,
  parts: readonly Descriptor[],
  failed: AbortController,
): Promise<void> {
  const lanes = createSemaphore(MAX_PARALLEL, parts.length, () => new Error('more parts than were counted'));
  const fetchOne = async ({ digest, size }: Descriptor): Promise<void> => {
    if (pull.isKnown(digest) && blobs.has(digest)) {
      return pull.onProgress({ status: 'downloading', digest, receivedBytes: size, sizeBytes: size });
    }
    const path = join(blobs.tempDir, `pull-${randomId(16)}`);
    try {
      await downloadBlob({ session, digest, sizeBytes: size, path, onBytes: reporter(pull, digest, size) });
      await blobs.adopt(digest, path);
      pull.onFetched?.(digest);
    } finally {
      await rm(path, { force: true });
    }
  };
  // All of them end before the pull does: nothing writes to a store that is being closed.
  const outcomes = await Promise.allSettled(
    parts.map((part) =>
      lanes
        .run(failed.signal, () => fetchOne(part))
        .catch((error: unknown) => {
          failed.abort(error);
          throw error;
        }),
    ),
  );
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function reporter({ onProgress }: PullOptions, digest: string, sizeBytes: number) {
  let reportedAt = 0;
  return (receivedBytes: number): void => {
    if (receivedBytes < sizeBytes && performance.now() - reportedAt < REPORT_EVERY_MS) return;
    reportedAt = performance.now();
    onProgress({ status: 'downloading', digest, receivedBytes, sizeBytes });
  };
}

async function addBytes(blobs: BlobStore, digest: string, bytes: Buffer): Promise<void> {
  if (blobs.has(digest)) return;
  const path = join(blobs.tempDir, `pull-${randomId(16)}`);
  await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
  await syncPath(path);
  await blobs.adopt(digest, path);
}

async function readImage(
  blobs: BlobStore,
  descriptor: Descriptor,
  manifest: LayoutImage['manifest'],
): Promise<LayoutImage> {
  if (manifest.config.size > MAX_JSON_BYTES)
    throw new ApiError('invalid_request', `the config of ${descriptor.digest} is too large`);
  const bytes = await readFile(blobs.path(manifest.config.digest));
  const config = parseJson(configSchema, bytes, `the config ${manifest.config.digest}`);
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    throw new ApiError('invalid_request', `image ${descriptor.digest} names other layers in its config`);
  verifyPlatform(config, descriptor.digest);
  return { descriptor, manifest, config, configJson: bytes.toString('utf8'), blobPath: blobs.path };
}
