import type { IncomingMessage } from 'node:http';
import { ApiError } from '@atoll/protocol';
import type { Authenticator } from '../tenancy/authenticate.ts';
import type { Caller } from '../tenancy/caller.ts';
import { sessionOf } from './session-cookie.ts';
import { isBlaxelPath } from './blaxel/error-body.ts';

/** `queryKey` is one that the path may have in its query; what a header says goes before it. */
export type Authenticate = (request: IncomingMessage, workspace?: string, queryKey?: string) => Caller;

/**
 * Reads the key of a request, or the session of a browser that shows none. A personal token acts in the workspace that
 * the path or the project header names; an api key has its own, and the header that some clients always send changes
 * nothing (wire 1.2). Clients of the Blaxel dialect name the workspace in a header of theirs or in the query, and mean
 * it (blaxel wire 1.2).
 */
export function createAuthentication(authenticator: Authenticator): Authenticate {
  return (request, workspace, queryKey) => {
    const project = request.headers['x-forwarded-project-id'];
    const named = typeof project === 'string' ? project : undefined;
    const key = bearerKey(request) ?? queryKey;
    const wanted = workspace ?? blaxelWorkspace(request);
    const session = key === undefined ? sessionOf((name) => request.headersDistinct[name]?.[0]) : undefined;
    return session === undefined
      ? authenticator.authenticate(key, wanted, named)
      : authenticator.authenticateSession(session, wanted, named);
  };
}

function bearerKey({ headers }: IncomingMessage): string | undefined {
  const authorization = headers['x-blaxel-authorization'] ?? headers.authorization;
  if (typeof authorization !== 'string') return undefined;
  const [scheme, key] = authorization.split(' ');
  if (scheme?.toLowerCase() !== 'bearer')
    throw new ApiError('unauthenticated', 'the Authorization header is not `Bearer <api key>`');
  return key;
}

function blaxelWorkspace({ headers, url = '' }: IncomingMessage): string | undefined {
  const named = headers['x-blaxel-workspace'];
  if (typeof named === 'string' && named !== '') return named;
  if (!isBlaxelPath(url) || !url.includes('?')) return undefined;
  return new URLSearchParams(url.slice(url.indexOf('?'))).get('workspace') ?? undefined;
}
