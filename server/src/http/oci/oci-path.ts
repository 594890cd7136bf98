import { RegistryError } from '../../image/registry/registry-error.ts';

/** What a path below `/v2/` addresses. Repository names hold slashes, so the last parts decide. */
export type OciPath =
  | { kind: 'base' }
  | { kind: 'catalog' }
  | { kind: 'blob'; name: string; digest: string }
  | { kind: 'uploads'; name: string }
  | { kind: 'upload'; name: string; id: string }
  | { kind: 'manifest'; name: string; reference: string }
  | { kind: 'tags'; name: string }
  | { kind: 'referrers'; name: string; digest: string };

/** Whether a request is the registry's to answer. */
export const isOciUrl = (url: string | undefined): boolean => /^\/v2(?:[/?]|$)/.test(url ?? '');

/** Reads a path. Throws `name_unknown` for one that the spec does not have. */
export function parseOciPath(rawPath: string): OciPath {
  const path = decode(rawPath);
  if (path === '/v2' || path === '/v2/') return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const [, name = '', rest = ''] =
    /^\/v2\/(.+)\/(blobs\/uploads\/?[^/]*|blobs\/[^/]+|manifests\/[^/]+|tags\/list|referrers\/[^/]+)$/.exec(
      path,
    ) ?? [];
  if (name === '') throw new RegistryError('name_unknown', `the registry has no path ${path.slice(0, 300)}`);
  if (rest === 'tags/list') return { kind: 'tags', name };
  const last = rest.slice(rest.lastIndexOf('/') + 1);
  if (rest.startsWith('manifests/')) return { kind: 'manifest', name, reference: last };
  if (rest.startsWith('referrers/')) return { kind: 'referrers', name, digest: last };
  if (rest === 'blobs/uploads' || rest === 'blobs/uploads/') return { kind: 'uploads', name };
  if (rest.startsWith('blobs/uploads/')) return { kind: 'upload', name, id: last };
  return { kind: 'blob', name, digest: last };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new RegistryError('name_invalid', 'the path is not a valid URL path', { cause });
  }
}
