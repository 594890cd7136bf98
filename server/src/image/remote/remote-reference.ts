import { ApiError } from '@atoll/protocol';
import { tryParseDigest } from '../digest.ts';
import { namesHost, tryParseReference } from '../image-name.ts';

/** An image of another registry. */
export interface RemoteReference {
  /** `docker.io`, `ghcr.io`, `localhost:5000`: as credentials are filed under. */
  registry: string;
  repository: string;
  /** A tag or a digest. */
  version: string;
}

const hostPattern = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/;

/**
 * Reads a reference as docker does: the first part is a registry when it has a dot or a colon or is `localhost`,
 * otherwise it is Docker Hub, where one-part names live under `library/`.
 */
export function parseRemoteReference(text: string): RemoteReference {
  const [name = '', digest] = text.split('@', 2);
  const { registry, path } = splitRegistry(name);
  const [, repository = '', tag = 'latest'] = /^([^:]+)(?::([^:]+))?$/.exec(path) ?? [];
  const full = registry === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository;
  const isSound =
    hostPattern.test(registry) &&
    tryParseReference(`x/${full}:${tag}`) !== undefined &&
    (digest === undefined || tryParseDigest(digest) !== undefined);
  if (isSound) return { registry, repository: full, version: digest ?? tag };
  throw new ApiError('invalid_request', `not an image reference: ${JSON.stringify(text.slice(0, 300))}`, {
    hint: 'References look like python:3.13, ghcr.io/org/app:1.0 or localhost:5000/app@sha256:…',
  });
}

/**
 * Reads what a login is for: a registry, or a part of one such as `ghcr.io/org`; URLs as docker files them too. Throws
 * `invalid_request`.
 */
export function parseRegistryScope(text: string): string {
  const [host = '', ...path] = text
    .trim()
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .split('/');
  const rest = /^v[12]$/.test(path.join('/')) ? [] : path;
  const registry = canonicalRegistry(host.toLowerCase());
  const isSound =
    namesHost(`${registry}/x`) &&
    hostPattern.test(registry) &&
    (rest.length === 0 || tryParseReference(`x/${rest.join('/')}:latest`) !== undefined);
  if (isSound) return [registry, ...rest].join('/');
  throw new ApiError('invalid_request', `not a registry: ${JSON.stringify(text.slice(0, 300))}`, {
    hint: 'Registries look like docker.io, ghcr.io, ghcr.io/org or localhost:5000.',
  });
}

function splitRegistry(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(0, slash)).toLowerCase();
  if (!namesHost(name)) return { registry: 'docker.io', path: name };
  return { registry: canonicalRegistry(first), path: name.slice(slash + 1) };
}

const hubNames = new Set(['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']);

/** Docker Hub has several names. */
export const canonicalRegistry = (host: string): string => (hubNames.has(host) ? 'docker.io' : host);

/** Where the API of a registry is. */
export const apiHostOf = (registry: string): string =>
  registry === 'docker.io' ? 'registry-1.docker.io' : registry;

/** The reference in full, for people. */
export const showReference = ({ registry, repository, version }: RemoteReference): string =>
  `${registry}/${repository}${tryParseDigest(version) ? '@' : ':'}${version}`;
