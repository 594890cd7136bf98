import { ApiError, reservedWorkspaces } from '@atoll/protocol';

/** The reserved workspace whose images go by their short names too. */
export const aliasWorkspace = 'tensorlake';

export interface ImageReference {
  /** A reserved workspace that the reference names. */
  workspace?: string;
  repository: string;
  tag: string;
}

const part = '[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${part}(?:/${part})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

export const isReservedWorkspace = (name: string): boolean =>
  reservedWorkspaces.some((known) => known === name);

/** `[tensorlake/|blaxel/]repository[:tag]`; absent when it is no reference of that form. */
export function tryParseReference(text: string): ImageReference | undefined {
  const [, name = '', tag = 'latest'] = /^([^:]+)(?::([^:]+))?$/.exec(text) ?? [];
  if (name.length > 255 || !repositoryPattern.test(name) || !tagPattern.test(tag)) return undefined;
  const slash = name.indexOf('/');
  const workspace = name.slice(0, Math.max(0, slash));
  if (!isReservedWorkspace(workspace)) return { repository: name, tag };
  return { workspace, repository: name.slice(slash + 1), tag };
}

/** Whether the first of several parts is a registry, as docker reads references. */
export function namesHost(reference: string): boolean {
  const slash = reference.indexOf('/');
  const first = reference.slice(0, Math.max(0, slash)).toLowerCase();
  return /[.:]/.test(first) || first === 'localhost';
}

/** Refuses a repository or tag that no reference could address, or that means another registry. */
export function verifyNewName(workspaceId: string, repository: string, tag: string): void {
  const reference = tryParseReference(`${repository}:${tag}`);
  if (reference === undefined) {
    throw new ApiError(
      'invalid_request',
      `not an image name: ${JSON.stringify(`${repository}:${tag}`.slice(0, 300))}`,
      {
        hint: 'Use a–z, 0–9, ".", "_", "-" and "/" between parts, and a tag of at most 128 characters.',
      },
    );
  }
  if (namesHost(repository)) {
    throw new ApiError('invalid_request', `image names do not begin with a registry: ${repository}`, {
      hint: `Leave out ${repository.slice(0, repository.indexOf('/'))}/: with it the name means that registry.`,
    });
  }
  if (reference.workspace === undefined) return;
  throw new ApiError(
    'forbidden',
    `names under ${reference.workspace}/ are reserved (workspace ${workspaceId})`,
    {
      hint: `Choose a name that does not start with ${reference.workspace}/.`,
    },
  );
}

/** The name under which an image is shown; `latest` goes without saying. */
export function canonicalName(workspaceId: string, repository: string, tag: string): string {
  const name = isReservedWorkspace(workspaceId) ? `${workspaceId}/${repository}` : repository;
  return tag === 'latest' ? name : `${name}:${tag}`;
}

/** `python:3.12-slim`, `ghcr.io/org/app`, `app@sha256:…`: names as registries use them. */
export const looksLikeOciReference = (text: string): boolean => /[/:@]/.test(text);
