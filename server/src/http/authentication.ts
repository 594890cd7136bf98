import type { IncomingMessage } from 'node:http';
import { ApiError } from '@atoll/protocol';
import type { Authenticator } from '../tenancy/authenticate.ts';
import type { Caller } from '../tenancy/caller.ts';

export type Authenticate = (request: IncomingMessage, workspace?: string) => Caller;

/**
 * Reads the key of a request. A personal token acts in the workspace that the path or the project header names;
 * an api key has its own, and the header that some clients always send changes nothing (wire 1.2).
 */
export function createAuthentication(authenticator: Authenticator): Authenticate {
  return (request, workspace) => {
    const project = request.headers['x-forwarded-project-id'];
    const named = typeof project === 'string' ? project : undefined;
    return authenticator.authenticate(bearerKey(request), workspace, named);
  };
}

function bearerKey(request: IncomingMessage): string | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  const [scheme, key] = authorization.split(' ');
  if (scheme?.toLowerCase() !== 'bearer')
    throw new ApiError('unauthenticated', 'the Authorization header is not `Bearer <api key>`');
  return key;
}
