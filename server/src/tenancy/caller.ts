import { ApiError, roles } from '@atoll/protocol';
import type { Role } from '@atoll/protocol';

/** Who makes a request, and where: the outcome of authentication. */
export interface Caller {
  keyId: string;
  keyName: string;
  kind: 'api' | 'personal';
  member: { id: string; name: string; owner: boolean };
  account: { id: string; name: string; operator: boolean };
  workspace: { id: string; name: string };
  role: Role;
}

const rank = (role: Role): number => roles.indexOf(role);

export const atLeast = (role: Role, needed: Role): boolean => rank(role) >= rank(needed);
export const lowerRole = (a: Role, b: Role): Role => (rank(a) < rank(b) ? a : b);

/** Throws `forbidden` unless the caller's role in its workspace reaches `needed`. */
export function requireRole(caller: Caller, needed: Role): void {
  if (atLeast(caller.role, needed)) return;
  throw new ApiError(
    'forbidden',
    `this needs the role ${needed} in workspace ${caller.workspace.name}; the key has ${caller.role}`,
  );
}

/** Throws `forbidden` unless the caller owns its account. */
export function requireOwner(caller: Caller): void {
  const unrestricted = caller.role === 'admin' && caller.member.owner;
  if (!unrestricted)
    throw new ApiError('forbidden', `only owners of the account ${caller.account.name} may do this`);
}

/** Throws `forbidden` unless the caller owns the account of the server's operator. */
export function requireOperator(caller: Caller): void {
  requireOwner(caller);
  if (!caller.account.operator)
    throw new ApiError('forbidden', 'only the operator of this server may do this');
}
