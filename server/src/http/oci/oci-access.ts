import type { IncomingMessage } from 'node:http';
import { ApiError, reservedWorkspaces } from '@atoll/protocol';
import type { Registry, Repository } from '../../image/registry/registry.ts';
import { RegistryError } from '../../image/registry/registry-error.ts';
import type { Authenticator } from '../../tenancy/authenticate.ts';
import { atLeast } from '../../tenancy/caller.ts';
import type { Caller } from '../../tenancy/caller.ts';

/** A repository that the caller may read. */
export interface OciAccess {
  caller: Caller;
  /** As the client spells it: `workspace/repository`. */
  name: string;
  at: Repository;
  canWrite: boolean;
}

export interface OciAccessOptions {
  authenticator: Pick<Authenticator, 'authenticate'>;
  /** The id behind the name of a workspace. */
  findWorkspaceId: (name: string) => string | undefined;
  registry: Registry;
}

export type OciGate = ReturnType<typeof createOciGate>;

/**
 * Who may do what: the first part of a name is the workspace. Members of it push, viewers pull; of other workspaces
 * everybody pulls what is public, and learns nothing about the rest. What they share is pulled by the name that it has in
 * the workspace that it is shared with.
 */
export function createOciGate({ authenticator, findWorkspaceId, registry }: OciAccessOptions) {
  const callerIn = (key: string | undefined, workspace: string): Caller | undefined => {
    try {
      const caller = authenticator.authenticate(key, workspace);
      // Elsewhere `default` is whatever workspace the key has; image names mean the same to everybody.
      const isMeant = workspace === caller.workspace.name || workspace === caller.workspace.id;
      return isMeant ? caller : undefined;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'not_found') return undefined;
      throw error;
    }
  };
  const open = (request: IncomingMessage, name: string): OciAccess => {
    const key = keyOf(request);
    const [workspace, repository] = splitName(name);
    const owner = callerIn(key, workspace);
    if (owner) {
      const at = { workspaceId: owner.workspace.id, repository };
      return { caller: owner, name, at, canWrite: atLeast(owner.role, 'member') };
    }
    const at = { workspaceId: idOf(workspace, findWorkspaceId), repository };
    return { caller: authenticator.authenticate(key), name, at, canWrite: false };
  };
  const mayRead = ({ caller, at }: OciAccess): boolean =>
    caller.workspace.id === at.workspaceId || registry.isPublic(at) === true;

  /** What is shared with a workspace is read under its own name there. */
  const throughShare = (access: OciAccess): OciAccess => {
    if (access.caller.workspace.id !== access.at.workspaceId) return access;
    const at = registry.meant(access.at);
    return at.workspaceId === access.at.workspaceId ? access : { ...access, at, canWrite: false };
  };

  return {
    /** Whoever has a key, in the workspace of the key. */
    caller: (request: IncomingMessage): Caller => authenticator.authenticate(keyOf(request)),
    read: (request: IncomingMessage, name: string): OciAccess => {
      const own = open(request, name);
      const access = mayRead(own) ? throughShare(own) : undefined;
      if (access && registry.isPublic(access.at) !== undefined) return access;
      throw new RegistryError('name_unknown', `no repository ${name}`);
    },
    write: (request: IncomingMessage, name: string): OciAccess => {
      const access = open(request, name);
      if (!access.canWrite)
        throw new RegistryError('denied', `pushing to ${name} takes the role member in its workspace`);
      registry.verifyName(access.at.repository);
      // What was pushed would be found by nobody: the name means the share.
      if (registry.meant(access.at).workspaceId !== access.at.workspaceId)
        throw new RegistryError('denied', `${name} is an image that another workspace shares with this one`);
      return access;
    },
    /** The repository that a blob is mounted from; absent when the caller may not read it. */
    source: (request: IncomingMessage, name: string): Repository | undefined => {
      if (!name.includes('/')) return undefined;
      const access = open(request, name);
      return mayRead(access) ? access.at : undefined;
    },
  };
}

function splitName(name: string): [workspace: string, repository: string] {
  const slash = name.indexOf('/');
  if (slash > 0) return [name.slice(0, slash), name.slice(slash + 1)];
  throw new RegistryError(
    'name_unknown',
    `no repository ${name.slice(0, 300)}: names begin with a workspace`,
  );
}

const idOf = (workspace: string, find: (name: string) => string | undefined): string =>
  reservedWorkspaces.some((reserved) => reserved === workspace) ? workspace : (find(workspace) ?? '');

/** A key as bearer token or as the password of whatever user name, which is how registry clients send it. */
function keyOf(request: IncomingMessage): string | undefined {
  const [scheme, value] = request.headers.authorization?.split(' ') ?? [];
  if (value === undefined) return undefined;
  if (scheme?.toLowerCase() === 'bearer') return value;
  if (scheme?.toLowerCase() !== 'basic') return undefined;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  return pair.slice(pair.indexOf(':') + 1);
}
