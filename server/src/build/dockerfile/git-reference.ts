import type { GitSource } from './step.ts';

/** Reads a git repository's address, or gives undefined for anything else. */
export function parseGitReference(text: string): Omit<GitSource, 'keepsGitDirectory'> | undefined {
  const hash = text.indexOf('#');
  const address = hash < 0 ? text : text.slice(0, hash);
  const fragment = hash < 0 ? '' : text.slice(hash + 1);
  const mark = address.indexOf('?');
  const remote = mark < 0 ? address : address.slice(0, mark);
  if (!isGitRemote(remote)) return undefined;
  const query = new URLSearchParams(mark < 0 ? '' : address.slice(mark + 1));
  const [ref = '', ...directory] = fragment.split(':');
  return { kind: 'git', remote, ...referenceOf(query, ref, directory.join(':')) };
}

/** `#ref:directory`, or the query's parameters, which say the same by name. */
function referenceOf(
  query: URLSearchParams,
  fragmentRef: string,
  fragmentDirectory: string,
): Omit<GitSource, 'kind' | 'remote' | 'keepsGitDirectory'> {
  const ref =
    query.get('ref') ?? named('refs/heads/', query.get('branch')) ?? named('refs/tags/', query.get('tag'));
  const commit = query.get('commit') ?? query.get('checksum');
  const subdirectory = fragmentDirectory || query.get('subdir');
  const wanted = fragmentRef || (ref ?? commit);
  return {
    ...(wanted ? { ref: wanted } : {}),
    ...(subdirectory ? { subdirectory } : {}),
    ...(commit ? { commit } : {}),
    takesSubmodules: query.get('submodules') !== 'false',
  };
}

const named = (prefix: string, name: string | null): string | undefined =>
  name ? `${prefix}${name}` : undefined;

/** Web addresses are repositories when they end in .git; git and ssh addresses always are. */
function isGitRemote(remote: string): boolean {
  if (/^https?:\/\//i.test(remote)) return /^https?:\/\/[^/]+\/.+\.git$/i.test(remote);
  if (/^(?:git|ssh|git\+ssh):\/\/[^/]+\/.+/i.test(remote)) return true;
  return /^[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+:(?!\/\/).+/.test(remote);
}
