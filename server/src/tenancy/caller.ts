import { ApiError, roles } from '@atoll/protocol';
import type { Role } from '@atoll/protocol';

/** Who makes a request, and where: the outcome of authentication. */
export interface Caller {
  keyId: string;
  keyName: string;
  kind: 'api' | 'personal';
  /** The key that came with the account: the owner's own. */
  isBootstrap: boolean;
  /** When the key ends by itself. */
  expiresAt?: number;
  /** When what the request showed ends by itself: the key, or a session that ends before it. */
  endsAt?: number;
  member: { id: string; name: string; owner: boolean };
  account: { id: string; name: string; operator: boolean };
  workspace: { id: string; name: string };
  role: Role;
}

/**
 * Whether the caller stands for its member as a person. An api key does not: admins make them for other members, and
 * they are bound to one workspace, while what a person does reaches all of the member's.
 */
export const isPerson = (caller: Caller): boolean => caller.kind === 'personal' || caller.isBootstrap;

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

/** Whether the caller owns the account of the server's operator. */
export const isOperator = ({ account, member, role }: Caller): boolean =>
  account.operator && member.owner && role === 'admin';

/** Throws `forbidden` unless the caller owns the account of the server's operator. */
export function requireOperator(caller: Caller): void {
  requireOwner(caller);
  if (!isOperator(caller)) throw new ApiError('forbidden', 'only the operator of this server may do this');
}
