import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol';
import type { z } from 'zod';
import { createVerifier, digestPath } from './digest.ts';
import { configSchema, indexSchema, isIndexType, manifestSchema } from './oci-schema.ts';
import type { Descriptor, Manifest, OciConfig } from './oci-schema.ts';
import { choosePlatform, verifyPlatform } from './platform.ts';

/** An image of a layout: its manifest for this machine's platform, and where its blobs lie. */
export interface LayoutImage {
  descriptor: Descriptor;
  manifest: Manifest;
  config: OciConfig;
  configJson: string;
  blobPath(digest: string): string;
}

const MAX_JSON_BYTES = 4 * 1024 * 1024;
const MAX_INDEX_DEPTH = 4;

/** Reads an OCI image layout directory. With more than one image in it, this machine's platform decides. */
export async function readLayout(dir: string): Promise<LayoutImage> {
  const blobPath = (digest: string): string => join(dir, 'blobs', digestPath(digest));
  const readBlob = async ({ digest }: Descriptor): Promise<string> => {
    const text = await readJson(blobPath(digest));
    const verifier = createVerifier(digest, `blob ${digest}`);
    verifier.update(Buffer.from(text));
    verifier.verify();
    return text;
  };
  let index = parseJson(indexSchema, await readJson(join(dir, 'index.json')), 'index.json');
  for (let depth = 0; depth < MAX_INDEX_DEPTH; depth++) {
    const descriptor = choosePlatform(index.manifests, dir);
    if (!isIndexType(descriptor.mediaType)) return readImage(descriptor, readBlob, blobPath);
    index = parseJson(indexSchema, await readBlob(descriptor), `index ${descriptor.digest}`);
  }
  throw new ApiError(
    'invalid_request',
    `the image layout nests indexes deeper than ${MAX_INDEX_DEPTH}: ${dir}`,
  );
}

async function readImage(
  descriptor: Descriptor,
  readBlob: (descriptor: Descriptor) => Promise<string>,
  blobPath: (digest: string) => string,
): Promise<LayoutImage> {
  const manifest = parseJson(manifestSchema, await readBlob(descriptor), `manifest ${descriptor.digest}`);
  const configJson = await readBlob(manifest.config);
  const config = parseJson(configSchema, configJson, `config ${manifest.config.digest}`);
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new ApiError(
      'invalid_request',
      `image ${descriptor.digest} lists ${manifest.layers.length} layers but ${config.rootfs.diff_ids.length} diff ids`,
    );
  }
  verifyPlatform(config, descriptor.digest);
  return { descriptor, manifest, config, configJson, blobPath };
}

async function readJson(path: string): Promise<string> {
  const size = await stat(path).then(
    ({ size }) => size,
    (error: unknown) => {
      throw new ApiError('invalid_request', `no image layout: ${path} cannot be read`, { cause: error });
    },
  );
  if (size <= MAX_JSON_BYTES) return readFile(path, 'utf8');
  throw new ApiError('invalid_request', `${path} has ${size} bytes, more than ${MAX_JSON_BYTES}`);
}

/** JSON of a form; throws what is wrong with it. */
export function parseJson<T extends z.ZodType>(schema: T, text: string | Buffer, what: string): z.infer<T> {
  const result = schema.safeParse(tryJson(text.toString()));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ApiError('invalid_request', `${what} is invalid: ${issue?.path.join('.')}: ${issue?.message}`);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
