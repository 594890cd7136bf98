import { ApiError } from '@atoll/protocol';
import { isDockerOfficial } from './docker-official.ts';
import {
  aliasWorkspace,
  canonicalName,
  isReservedWorkspace,
  looksLikeOciReference,
  tryParseReference,
} from './image-name.ts';
import type { ImageRecords, ImageRow, Provenance } from './image-records.ts';
import { configSchema } from './oci-schema.ts';
import type { OciConfig } from './oci-schema.ts';
import type { RuntimeNeeds } from '../runtime/driver.ts';
import { readRuntimeNeeds } from './runtime-needs.ts';

/** What an image's config says about its processes. */
export interface ImageConfig {
  /** Empty when no USER was ever given. */
  user: string;
  workdir: string;
  entrypoint: string[];
  cmd: string[];
  labels: Record<string, string>;
  exposedPorts: string[];
  stopSignal?: string;
}

/** What sandboxes need to know of the manifest that they start from. */
export interface RunnableManifest {
  manifestDigest: string;
  config: ImageConfig;
  env: Record<string, string>;
  /** Who runs processes that name no user, and where. */
  runtimeUser: string;
  runtimeWorkdir: string;
  /** What its labels ask of the runtime. Absent: nothing but files. */
  needs?: RuntimeNeeds;
}

/** With the name of the image that it is, or was made from. */
export interface NamedManifest extends RunnableManifest {
  canonicalName: string;
}

export interface ResolvedImage extends Provenance, NamedManifest {
  id: string;
  isPublic: boolean;
  createdAt: number;
  /** The disk of sandboxes that ask for none. */
  diskMb?: number;
}

export interface ImageDescription extends Provenance {
  id: string;
  name: string;
  digest: string;
  /** Config and layers as they are stored and pushed: compressed. */
  sizeBytes: number;
  /** What removing the image alone would free of that. */
  uniqueBytes: number;
  /** What its unpacked layers take up beside that; 0 before the first use. */
  unpackedBytes: number;
  layerCount: number;
  isPublic: boolean;
  /** Whether it belongs to the workspace that asked. */
  own: boolean;
  /** Name of the workspace that it belongs to, where that shares it with the one that asked. */
  sharedFrom?: string;
  createdAt: number;
}

/** Defaults of a base image for running sandboxes; builds on top of it still start as root in /. */
const USER_LABEL = 'dev.atoll.user';
const WORKDIR_LABEL = 'dev.atoll.workdir';

/**
 * Finds an image by name or id: the workspace's own names, then ids, then the short names of the base
 * images, then what other workspaces made public.
 */
export function resolveImage(records: ImageRecords, workspaceId: string, ref: string): ResolvedImage {
  const row = findImage(records, workspaceId, ref);
  if (row === undefined) throw imageNotFound(ref);
  return {
    id: row.id,
    canonicalName: nameOf(row),
    isPublic: row.is_public === 1,
    createdAt: row.created_at,
    ...readRunnable(row.manifest_digest, row.config),
    ...(row.disk_mb !== null && { diskMb: row.disk_mb }),
    ...provenanceOf(row),
  };
}

/** What a manifest says of the sandboxes that start from it, without a name. */
export function resolveManifest(records: ImageRecords, manifestDigest: string): RunnableManifest {
  const config = records.config(manifestDigest);
  if (config === undefined) throw imageNotFound(manifestDigest);
  return readRunnable(manifestDigest, config);
}

function readRunnable(manifestDigest: string, configJson: string): RunnableManifest {
  const settings = configSchema.parse(JSON.parse(configJson)).config;
  const config = toConfig(settings);
  const needs = readRuntimeNeeds(config.labels);
  return {
    manifestDigest,
    config,
    env: parseEnv(settings?.Env ?? []),
    // An explicit USER or WORKDIR of a later image replaces the label of its base.
    runtimeUser: config.user || config.labels[USER_LABEL] || 'root',
    runtimeWorkdir: config.workdir || config.labels[WORKDIR_LABEL] || '/',
    ...(needs && { needs }),
  };
}

/** As `resolveImage`, for the row alone. */
export function findImage(records: ImageRecords, workspaceId: string, ref: string): ImageRow | undefined {
  const found = findOwnOrBase(records, workspaceId, ref);
  const reference = tryParseReference(ref);
  if (found !== undefined || reference === undefined || reference.workspace !== undefined) return found;
  return records.findPublic(reference.repository, reference.tag);
}

/**
 * What a name means before other workspaces' public names count: what is shared with the workspace, its own, an id, a
 * base image.
 */
export function findOwnOrBase(records: ImageRecords, workspaceId: string, ref: string): ImageRow | undefined {
  const reference = tryParseReference(ref);
  if (reference === undefined) return undefined;
  const { workspace, repository, tag } = reference;
  if (workspace !== undefined) return records.findByTag(workspace, repository, tag);
  return (
    records.findByTag(records.sharedFrom(workspaceId, repository)?.id ?? workspaceId, repository, tag) ??
    findById(records, workspaceId, ref) ??
    records.findByTag(aliasWorkspace, repository, tag)
  );
}

/** What a build starts from, and whose it is. */
export interface LocalBase {
  manifestDigest: string;
  /** Where another workspace made it public. */
  publicOf?: string;
}

/**
 * What FROM and `--from` mean on this server; absent: they mean a registry. There a public name would stand in for an
 * image that people know: it counts only where it cannot be taken for one, so never with a host, a path, a tag or a
 * digest, nor as the name of one of Docker Hub's own.
 */
export function findBase(records: ImageRecords, workspaceId: string, ref: string): LocalBase | undefined {
  const known = findOwnOrBase(records, workspaceId, ref);
  const isOrdinary = !looksLikeOciReference(ref) && !isDockerOfficial(ref);
  const row = known ?? (isOrdinary ? findImage(records, workspaceId, ref) : undefined);
  if (row === undefined) return undefined;
  const isOthers =
    row.is_public === 1 && row.workspace_id !== workspaceId && !isReservedWorkspace(row.workspace_id);
  return { manifestDigest: row.manifest_digest, ...(isOthers && { publicOf: row.workspace_id }) };
}

function findById(records: ImageRecords, workspaceId: string, id: string): ImageRow | undefined {
  const row = records.findById(id);
  if (row === undefined) return undefined;
  const isVisible =
    row.workspace_id === workspaceId ||
    row.is_public === 1 ||
    isReservedWorkspace(row.workspace_id) ||
    records.sharedFrom(workspaceId, row.repository)?.id === row.workspace_id;
  return isVisible ? row : undefined;
}

export function imageNotFound(ref: string): ApiError {
  const shown = ref.length > 300 ? `${ref.slice(0, 300)}…` : ref;
  const hint = looksLikeOciReference(ref)
    ? `Sandboxes start from registered images. Register it first: \`atoll sbx image import ${shown}\`, or a Dockerfile with \`FROM ${shown}\`.`
    : undefined;
  return new ApiError('image_not_found', `image not found: ${shown}`, hint === undefined ? {} : { hint });
}

/** The image for people: what it is, how big, and where it came from. */
export function describeImage(records: ImageRecords, workspaceId: string, row: ImageRow): ImageDescription {
  const source = records.sharedFrom(workspaceId, row.repository);
  return {
    id: row.id,
    name: nameOf(row),
    digest: row.manifest_digest,
    sizeBytes: records.sizeBytes(row.manifest_digest),
    uniqueBytes: records.uniqueBytes(row.manifest_digest),
    unpackedBytes: records.unpackedBytes(row.manifest_digest),
    layerCount: records.layers(row.manifest_digest).length,
    isPublic: row.is_public === 1,
    own: row.workspace_id === workspaceId,
    ...(source?.id === row.workspace_id && { sharedFrom: source.name }),
    createdAt: row.created_at,
    ...provenanceOf(row),
  };
}

export function describeByName(records: ImageRecords, workspaceId: string, ref: string): ImageDescription {
  const row = findImage(records, workspaceId, ref);
  if (row === undefined) throw imageNotFound(ref);
  return describeImage(records, workspaceId, row);
}

/** `KEY=value` as configs have them; the first `=` divides. */
function parseEnv(env: readonly string[]): Record<string, string> {
  const pairs = env.map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]);
  return Object.fromEntries(pairs.filter(([key]) => key !== ''));
}

/** An image whose name has moved on is known by its id alone. */
const nameOf = (row: ImageRow): string =>
  row.tag === null ? row.id : canonicalName(row.workspace_id, row.repository, row.tag);

const provenanceOf = (row: ImageRow): Provenance => ({
  ...(row.base !== null && { base: row.base }),
  ...(row.substituted_for !== null && { substitutedFor: row.substituted_for }),
  ...(row.substitution_reason !== null && { substitutionReason: row.substitution_reason }),
});

type OciSettings = NonNullable<OciConfig['config']>;

function toConfig(settings: OciSettings | undefined): ImageConfig {
  return {
    user: settings?.User ?? '',
    workdir: settings?.WorkingDir ?? '',
    entrypoint: settings?.Entrypoint ?? [],
    cmd: settings?.Cmd ?? [],
    labels: settings?.Labels ?? {},
    exposedPorts: Object.keys(settings?.ExposedPorts ?? {}),
    ...(settings?.StopSignal !== undefined && { stopSignal: settings.StopSignal }),
  };
}
