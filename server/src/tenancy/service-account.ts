import { ApiError } from '@atoll/protocol';
import type { Key, Role } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { atLeast, requireRole } from './caller.ts';
import type { Caller } from './caller.ts';
import type { Keys } from './key.ts';
import { hashSecret } from './key-value.ts';

/** A program that signs in for itself, in one workspace. */
export interface ServiceAccount {
  clientId: string;
  name: string;
  description?: string;
  role: Role;
  createdAt: number;
  updatedAt: number;
}

/** What it signs in as. */
export interface ServiceIdentity {
  clientId: string;
  memberId: string;
  workspaceId: string;
  workspace: string;
  role: Role;
}

interface AccountRow extends Omit<ServiceAccount, 'description'> {
  memberId: string;
  description: string | null;
}

const SECRET_PREFIX = 'atoll_secret_';
const MAX_ACCOUNTS = 200;

const selectAccounts = `
  SELECT s.client_id AS clientId, s.name, s.description, m.role, s.member_id AS memberId,
    s.created_at AS createdAt, s.updated_at AS updatedAt
  FROM service_accounts s
    JOIN memberships m ON m.member_id = s.member_id AND m.workspace_id = s.workspace_id
  WHERE s.workspace_id = ?`;

interface Options {
  db: Db;
  clock: Clock;
  keys: Keys;
  /** Told when one of them ends. */
  onChange: () => void;
}

export type ServiceAccounts = ReturnType<typeof createServiceAccounts>;

/**
 * Service accounts: members that are programs. Each has an id and a secret for signing in, and may have keys. Admins make
 * and end them.
 */
export function createServiceAccounts({ db, clock, keys, onChange }: Options) {
  const requireAccount = (caller: Caller, clientId: string): AccountRow => {
    const found = db.get<AccountRow>(`${selectAccounts} AND s.client_id = ?`, caller.workspace.id, clientId);
    if (found) return found;
    throw new ApiError(
      'not_found',
      `no service account ${clientId.slice(0, 80)} in workspace ${caller.workspace.name}`,
    );
  };

  const addMember = (caller: Caller, clientId: string, role: Role): string => {
    const memberId = `user_${randomId(16)}`;
    db.run(
      'INSERT INTO members (id, account_id, name, created_at) VALUES (?, ?, ?, ?)',
      memberId,
      caller.account.id,
      `service account ${clientId}`,
      clock.now(),
    );
    db.run('INSERT INTO memberships VALUES (?, ?, ?)', caller.workspace.id, memberId, role);
    return memberId;
  };

  const verifyName = (caller: Caller, name: string, except = ''): void => {
    const others = db.all<AccountRow>(selectAccounts, caller.workspace.id);
    if (others.some((one) => one.name === name && one.clientId !== except))
      throw new ApiError('conflict', `there is a service account ${name} already`);
    if (others.length >= MAX_ACCOUNTS)
      throw new ApiError('limit_exceeded', `a workspace has ${MAX_ACCOUNTS} service accounts at most`);
  };

  return {
    list: (caller: Caller): ServiceAccount[] => {
      requireRole(caller, 'admin');
      return db
        .all<AccountRow>(`${selectAccounts} ORDER BY s.created_at`, caller.workspace.id)
        .map(toAccount);
    },

    /** The secret is shown this once. */
    create: (
      caller: Caller,
      given: { name: string; description?: string | undefined; role?: Role | undefined },
    ): ServiceAccount & { clientSecret: string } => {
      requireRole(caller, 'admin');
      const role = given.role ?? 'member';
      if (!atLeast(caller.role, role)) requireRole(caller, role);
      return db.transaction(() => {
        verifyName(caller, given.name);
        const clientId = `client_${randomId(16)}`;
        const clientSecret = SECRET_PREFIX + randomId(40);
        db.run(
          'INSERT INTO service_accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          clientId,
          hashSecret(clientSecret),
          addMember(caller, clientId, role),
          caller.workspace.id,
          given.name,
          given.description ?? null,
          clock.now(),
          clock.now(),
        );
        return { ...toAccount(requireAccount(caller, clientId)), clientSecret };
      });
    },

    update: (
      caller: Caller,
      clientId: string,
      given: { name?: string | undefined; description?: string | undefined },
    ): ServiceAccount => {
      requireRole(caller, 'admin');
      return db.transaction(() => {
        const { name, description } = requireAccount(caller, clientId);
        if (given.name !== undefined && given.name !== name) verifyName(caller, given.name, clientId);
        db.run(
          'UPDATE service_accounts SET name = ?, description = ?, updated_at = ? WHERE client_id = ?',
          given.name ?? name,
          given.description ?? description,
          clock.now(),
          clientId,
        );
        return toAccount(requireAccount(caller, clientId));
      });
    },

    /** Ends it with its secret, its keys and what it has signed in with. */
    remove: (caller: Caller, clientId: string): ServiceAccount => {
      requireRole(caller, 'admin');
      const removed = db.transaction(() => {
        const account = requireAccount(caller, clientId);
        keys.revokeAllOf(account.memberId);
        db.run('DELETE FROM memberships WHERE member_id = ?', account.memberId);
        db.run('DELETE FROM service_accounts WHERE client_id = ?', clientId);
        return account;
      });
      onChange();
      return toAccount(removed);
    },

    listKeys: (caller: Caller, clientId: string): Key[] => {
      requireRole(caller, 'admin');
      const { memberId } = requireAccount(caller, clientId);
      return keys.list(caller).filter((key) => key.memberId === memberId);
    },

    createKey: (
      caller: Caller,
      clientId: string,
      given: { name: string; expiresAt?: number | undefined },
    ): { key: Key; value: string } => {
      const { memberId, role } = requireAccount(caller, clientId);
      return keys.create(caller, { ...given, kind: 'api', role, memberId });
    },

    revokeKey: (caller: Caller, clientId: string, keyId: string): void => {
      requireRole(caller, 'admin');
      const { memberId } = requireAccount(caller, clientId);
      const isIts = keys.list(caller).some((key) => key.id === keyId && key.memberId === memberId);
      if (!isIts) throw new ApiError('not_found', `no key ${keyId.slice(0, 80)} of ${clientId}`);
      keys.revoke(caller, keyId);
    },

    /** Who signs in with an id and a secret; absent where the two do not belong together. */
    identify: (clientId: string, secret: string): ServiceIdentity | undefined =>
      db.get<ServiceIdentity>(
        `SELECT s.client_id AS clientId, s.member_id AS memberId, w.id AS workspaceId, w.name AS workspace, m.role
           FROM service_accounts s JOIN workspaces w ON w.id = s.workspace_id
           JOIN memberships m ON m.member_id = s.member_id AND m.workspace_id = s.workspace_id
           WHERE s.client_id = ? AND s.secret_hash = ?`,
        clientId,
        hashSecret(secret),
      ),
  };
}

const toAccount = ({ memberId: _memberId, description, ...account }: AccountRow): ServiceAccount => ({
  ...account,
  ...(description !== null && { description }),
});
