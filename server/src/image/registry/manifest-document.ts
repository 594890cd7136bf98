import { createHash } from 'node:crypto';
import { z } from 'zod';
import { tryParseDigest } from '../digest.ts';
import { descriptorSchema, isIndexType, isManifestType, optional } from '../oci-schema.ts';
import type { Descriptor } from '../oci-schema.ts';
import { RegistryError } from './registry-error.ts';

/** A manifest of any kind as it was pushed, and what it names. */
export interface ManifestDocument {
  digest: string;
  mediaType: string;
  bytes: Buffer;
  artifactType?: string;
  subject?: string;
  annotations?: Record<string, string>;
  /** Blobs and manifests that have to be here before this one can be stored. */
  blobs: Descriptor[];
  children: Descriptor[];
}

export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const annotations = optional(z.record(z.string(), z.string()));
const common = {
  schemaVersion: z.literal(2),
  mediaType: optional(z.string()),
  artifactType: optional(z.string()),
  subject: optional(descriptorSchema),
  annotations,
};
const manifestDocument = z.object({
  ...common,
  config: descriptorSchema,
  layers: z.array(descriptorSchema.extend({ urls: optional(z.array(z.string())) })).max(1000),
});
const indexDocument = z.object({ ...common, manifests: z.array(descriptorSchema).max(1000) });

/** Reads a manifest, an index or an artifact. Throws for what no registry should keep. */
export function readDocument(
  bytes: Buffer,
  contentType: string | undefined,
  reference: string,
): ManifestDocument {
  const json = parseJson(bytes);
  const mediaType = typeOf(json, contentType);
  const digest = digestFor(bytes, reference);
  if (isIndexType(mediaType)) {
    const index = parse(indexDocument, json);
    return { ...fieldsOf(index), digest, mediaType, bytes, blobs: [], children: index.manifests };
  }
  const manifest = parse(manifestDocument, json);
  // Layers of restricted distribution may be elsewhere; their descriptors say where.
  const layers = manifest.layers.filter(({ urls }) => urls === undefined || urls.length === 0);
  const artifactType = manifest.artifactType ?? manifest.config.mediaType;
  return {
    ...fieldsOf(manifest),
    artifactType,
    digest,
    mediaType,
    bytes,
    blobs: [manifest.config, ...layers],
    children: [],
  };
}

const fieldsOf = (document: z.infer<typeof indexDocument> | z.infer<typeof manifestDocument>) => ({
  ...(document.artifactType !== undefined && { artifactType: document.artifactType }),
  ...(document.subject !== undefined && { subject: document.subject.digest }),
  ...(document.annotations !== undefined && { annotations: document.annotations }),
});

function typeOf(json: unknown, contentType: string | undefined): string {
  const header = contentType?.split(';')[0]?.trim().toLowerCase() || undefined;
  const field =
    typeof json === 'object' && json !== null && 'mediaType' in json && typeof json.mediaType === 'string'
      ? json.mediaType
      : undefined;
  if (header !== undefined && field !== undefined && header !== field.toLowerCase())
    throw invalid(`the Content-Type is ${header}, the manifest says ${field}`);
  const type = header ?? field ?? '';
  if (isManifestType(type) || isIndexType(type)) return type;
  throw invalid(`manifests of type ${JSON.stringify(type.slice(0, 200))} are not supported`);
}

/** By digest, the bytes have to have it; under a tag, sha256 names them. */
function digestFor(bytes: Buffer, reference: string): string {
  const expected = tryParseDigest(reference);
  const algorithm = expected?.algorithm ?? 'sha256';
  const actual = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
  if (expected === undefined || actual === reference) return actual;
  throw new RegistryError('digest_invalid', `the manifest has digest ${actual} instead of ${reference}`);
}

function parseJson(bytes: Buffer): unknown {
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new RegistryError('too_large', `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new RegistryError('manifest_invalid', 'the manifest is not JSON', { cause });
  }
}

function parse<T extends z.ZodType>(schema: T, json: unknown): z.infer<T> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalid(`${issue?.path.join('.')}: ${issue?.message}`);
}

const invalid = (why: string): RegistryError =>
  new RegistryError('manifest_invalid', `the manifest is invalid: ${why}`);
