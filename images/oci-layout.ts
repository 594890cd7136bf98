import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** The annotation of index.json that names the recipe a layout was built from. */
export const recipeAnnotation = 'dev.atoll.recipe';

export interface LayoutOptions {
  /** An empty or absent folder; the caller renames it into place once this resolves. */
  dir: string;
  /** The uncompressed root file system. */
  tar: Readable;
  created: Date;
  architecture: string;
  labels: Record<string, string>;
  env: readonly string[];
  /** Absent: the command is a shell. */
  entrypoint?: readonly string[];
  /** Identity of the recipe, see `recipeAnnotation`. */
  recipeKey: string;
  signal: AbortSignal;
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** Writes an OCI image layout with one layer, streaming: neither the tar nor its compressed form is held in memory. */
export async function writeLayout(options: LayoutOptions): Promise<void> {
  await mkdir(blobsDir(options.dir), { recursive: true });
  const layer = await writeLayer(options);
  const config = await writeJsonBlob(options.dir, mediaTypes.config, imageConfig(options, layer.diffId));
  const manifest = await writeJsonBlob(options.dir, mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers: [layer.descriptor],
  });
  await writeJson(join(options.dir, 'index.json'), imageIndex(options, manifest));
  await writeJson(join(options.dir, 'oci-layout'), { imageLayoutVersion: '1.0.0' });
}

const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  // Every registry client reads gzip; older Docker versions do not read zstd.
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

async function writeLayer(options: LayoutOptions): Promise<{ descriptor: Descriptor; diffId: string }> {
  const plain = createMeter();
  const compressed = createMeter();
  const temporary = join(blobsDir(options.dir), 'layer.partial');
  await pipeline(
    options.tar,
    plain.stream,
    createGzip({ level: 6 }),
    compressed.stream,
    createWriteStream(temporary, { flush: true }),
    { signal: options.signal },
  );
  const descriptor = { mediaType: mediaTypes.layer, ...compressed.result() };
  await rename(temporary, blobPath(options.dir, descriptor.digest));
  return { descriptor, diffId: plain.result().digest };
}

function imageConfig(options: LayoutOptions, diffId: string): object {
  const created = options.created.toISOString();
  return {
    created,
    architecture: options.architecture,
    os: 'linux',
    config: {
      Env: options.env,
      ...(options.entrypoint ? { Entrypoint: options.entrypoint } : { Cmd: ['/bin/bash'] }),
      Labels: options.labels,
    },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, created_by: `atoll images/build.ts ${options.recipeKey}` }],
  };
}

function imageIndex(options: LayoutOptions, manifest: Descriptor): object {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      {
        ...manifest,
        platform: { os: 'linux', architecture: options.architecture },
        annotations: { 'org.opencontainers.image.ref.name': 'latest' },
      },
    ],
    annotations: { [recipeAnnotation]: options.recipeKey },
  };
}

/** A pass-through that knows the size and sha256 of what went through it. */
export function createMeter(): { stream: Transform; result(): { digest: string; size: number } } {
  const hash = createHash('sha256');
  let size = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, result: () => ({ digest: `sha256:${hash.digest('hex')}`, size }) };
}

async function writeJsonBlob(dir: string, mediaType: string, content: object): Promise<Descriptor> {
  const body = Buffer.from(JSON.stringify(content));
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  await writeFile(blobPath(dir, digest), body, { flush: true });
  return { mediaType, digest, size: body.length };
}

function writeJson(path: string, content: object): Promise<void> {
  return writeFile(path, `${JSON.stringify(content, null, 2)}\n`, { flush: true });
}

function blobsDir(dir: string): string {
  return join(dir, 'blobs', 'sha256');
}

function blobPath(dir: string, digest: string): string {
  return join(blobsDir(dir), digest.slice('sha256:'.length));
}
