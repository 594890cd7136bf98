import { z } from 'zod';
import { tryParseDigest } from './digest.ts';

/** OCI image spec 1.1 and Docker image manifest version 2, schema 2: what the store reads of them. */

export const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;
export const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;
const configTypes = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
] as const;
const layerType =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs(\.foreign)?\.diff\.tar(\.gzip|\.zstd)?)$/;

export const isManifestType = (type: string): boolean => manifestTypes.some((known) => known === type);
export const isIndexType = (type: string): boolean => indexTypes.some((known) => known === type);

const digest = z
  .string()
  .refine((text) => tryParseDigest(text) !== undefined, 'not a sha256 or sha512 digest');
/** Docker writes null where OCI leaves a key out; inside, absent is absent. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

export const descriptorSchema = z.object({
  mediaType: z.string(),
  digest,
  size: z.int().nonnegative(),
  annotations: optional(z.record(z.string(), z.string())),
  platform: optional(z.object({ architecture: z.string(), os: z.string(), variant: optional(z.string()) })),
});
export type Descriptor = z.infer<typeof descriptorSchema>;

export const indexSchema = z.object({
  mediaType: optional(z.string()),
  manifests: z.array(descriptorSchema).max(1000),
});

export const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: optional(z.string()),
  config: descriptorSchema.extend({ mediaType: z.enum(configTypes) }),
  layers: z.array(descriptorSchema.extend({ mediaType: z.string().regex(layerType) })).max(500),
});
export type Manifest = z.infer<typeof manifestSchema>;

const settings = z.object({
  Env: optional(z.array(z.string())),
  User: optional(z.string()),
  WorkingDir: optional(z.string()),
  Entrypoint: optional(z.array(z.string())),
  Cmd: optional(z.array(z.string())),
  Labels: optional(z.record(z.string(), z.string())),
  ExposedPorts: optional(z.record(z.string(), z.unknown())),
  StopSignal: optional(z.string()),
});

export const configSchema = z.object({
  architecture: z.string(),
  os: z.string(),
  created: optional(z.string()),
  config: optional(settings),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(digest) }),
});
export type OciConfig = z.infer<typeof configSchema>;
