import { ApiError } from '@atoll/protocol';
import type { Key, Role } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { atLeast, isPerson, requireRole } from './caller.ts';
import type { Caller } from './caller.ts';
import { hashSecret, newKeyValue, visiblePrefix } from './key-value.ts';
import type { KeyKind } from './key-value.ts';

export interface NewKey {
  name: string;
  kind: KeyKind;
  memberId: string;
  workspaceId: string;
  /** The most the key may do; personal tokens follow their member. */
  role?: Role;
  /** Comes with its account, for the owner itself. */
  isBootstrap?: boolean;
  /** When it ends by itself. */
  expiresAt?: number;
  /** Whether tokens are asked for with it, which prolongs it: the key of a device's login. */
  isRefresh?: boolean;
  /** What it was made from and ends with: a key or a service account. Such keys are not listed. */
  tokenOf?: string;
  /** A value chosen by the operator or made as a token; random when absent. */
  value?: string;
}

interface KeyRow {
  id: string;
  name: string;
  kind: KeyKind;
  prefix: string;
  role: Role | null;
  workspace: string;
  memberId: string;
  createdAt: number;
  lastUsedAt: number | null;
  expiresAt: number | null;
}

const selectKey = `
  SELECT k.id, k.name, k.kind, k.prefix, k.role, w.name AS workspace, k.member_id AS memberId,
    k.created_at AS createdAt, k.last_used_at AS lastUsedAt, k.expires_at AS expiresAt
  FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id`;
const selectKeys = `${selectKey}
  WHERE k.revoked_at IS NULL AND k.token_of IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?)`;

/** Everything the operator may do takes one of these. */
const fromKeys = `
  FROM api_keys k JOIN members m ON m.id = k.member_id JOIN accounts a ON a.id = m.account_id`;
const isOperatorKey = `(a.operator AND m.owner AND (k.kind = 'personal' OR k.role = 'admin'))`;

/** What has expired is forgotten after a while, unless something still refers to it. */
const EXPIRED_KEPT_MS = 24 * 3_600_000;

export type KeyStanding = 'unknown' | 'revoked' | 'operator' | 'other';

export type Keys = ReturnType<typeof createKeys>;

/** API keys and personal access tokens. `onChange` is told whenever one of them ends. */
export function createKeys({ db, clock, onChange }: { db: Db; clock: Clock; onChange: () => void }) {
  const hasOperatorKey = (): boolean =>
    db.get(
      `SELECT 1 ${fromKeys} WHERE ${isOperatorKey} AND k.revoked_at IS NULL AND k.expires_at IS NULL`,
    ) !== undefined;

  const add = (given: NewKey): { key: Key; value: string } => {
    const value = given.value ?? newKeyValue(given.kind);
    const id = `apikey_${randomId(16)}`;
    db.run(
      `INSERT INTO api_keys (id, hash, prefix, name, kind, member_id, workspace_id, role, bootstrap, created_at,
         expires_at, token_of, is_refresh) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      hashSecret(value),
      visiblePrefix(value),
      given.name,
      given.kind,
      given.memberId,
      given.workspaceId,
      given.role ?? null,
      given.isBootstrap ? 1 : 0,
      clock.now(),
      given.expiresAt ?? null,
      given.tokenOf ?? null,
      given.isRefresh ? 1 : 0,
    );
    const row = db.get<KeyRow>(`${selectKey} WHERE k.id = ?`, id);
    if (!row) throw new Error(`key ${id} vanished`);
    return { key: toKey(row), value };
  };

  return {
    add,
    /** What a value is to this server: no key of it, one that has ended, the operator's, or another's. */
    standing: (value: string): KeyStanding => {
      const row = db.get<{ operator: number; revoked: number }>(
        `SELECT ${isOperatorKey} AS operator, k.revoked_at IS NOT NULL OR coalesce(k.expires_at <= ?, 0) AS revoked
           ${fromKeys} WHERE k.hash = ?`,
        clock.now(),
        hashSecret(value),
      );
      if (!row) return 'unknown';
      if (row.revoked === 1) return 'revoked';
      return row.operator === 1 ? 'operator' : 'other';
    },

    hasOperatorKey,

    /** A key for the caller, or by an admin for another member of the workspace. */
    create: (
      caller: Caller,
      given: {
        name: string;
        kind: KeyKind;
        role?: Role | undefined;
        memberId?: string | undefined;
        expiresAt?: number | undefined;
      },
    ) => {
      const memberId = given.memberId ?? caller.member.id;
      const role = given.role ?? caller.role;
      if (memberId !== caller.member.id) requireForeignKey(db, caller, memberId, given.kind);
      if (!atLeast(caller.role, role))
        throw new ApiError('forbidden', `a key with the role ${caller.role} cannot make one with ${role}`);
      requireMintable(caller, given.kind);
      requireNotLonger(caller, given.expiresAt);
      return add({
        name: given.name,
        kind: given.kind,
        memberId,
        workspaceId: caller.workspace.id,
        ...(given.kind === 'api' && { role }),
        ...(given.expiresAt !== undefined && { expiresAt: given.expiresAt }),
      });
    },

    list: (caller: Caller): Key[] =>
      db
        .all<KeyRow>(
          `${selectKeys} AND k.workspace_id = ? AND (k.member_id = ? OR ?) ORDER BY k.created_at`,
          clock.now(),
          caller.workspace.id,
          caller.member.id,
          caller.role === 'admin' ? 1 : 0,
        )
        .map(toKey),

    revoke: (caller: Caller, id: string): void => {
      const key = db.get<{ memberId: string }>(
        'SELECT member_id AS memberId FROM api_keys WHERE id = ? AND workspace_id = ? AND revoked_at IS NULL',
        id,
        caller.workspace.id,
      );
      if (!key) throw new ApiError('not_found', `no key ${id} in workspace ${caller.workspace.name}`);
      if (key.memberId !== caller.member.id) requireRole(caller, 'admin');
      db.transaction(() => {
        db.run('UPDATE api_keys SET revoked_at = ?1 WHERE id = ?2 OR token_of = ?2', clock.now(), id);
        if (!hasOperatorKey()) throw lastOperatorKey();
      });
      onChange();
    },

    /** Ends everything of a member. Whoever calls it tells of the change. */
    revokeAllOf: (memberId: string): void =>
      void db.run(
        'UPDATE api_keys SET revoked_at = ? WHERE member_id = ? AND revoked_at IS NULL',
        clock.now(),
        memberId,
      ),

    /** Tokens are made at every sign-in; what is long over makes room. */
    forgetExpiredTokens: (): void =>
      void db.run(
        `DELETE FROM api_keys WHERE token_of IS NOT NULL AND expires_at < ?
           AND id NOT IN (SELECT key_id FROM sessions)
           AND id NOT IN (SELECT api_key_id FROM ssh_keys WHERE api_key_id IS NOT NULL)`,
        clock.now() - EXPIRED_KEPT_MS,
      ),
  };
}

/** A personal token follows its member everywhere; an api key, which others may have made, must not turn into one. */
function requireMintable(caller: Caller, kind: KeyKind): void {
  if (kind === 'api' || isPerson(caller)) return;
  throw new ApiError('forbidden', 'an api key cannot make a personal token', {
    hint: 'Use `atoll login`, or make an api key.',
  });
}

/** A key that ends, and that others may hold, makes none that outlives it. */
function requireNotLonger(caller: Caller, expiresAt = Number.POSITIVE_INFINITY): void {
  const { expiresAt: callerEnds = Number.POSITIVE_INFINITY } = caller;
  if (isPerson(caller) || expiresAt <= callerEnds) return;
  throw new ApiError('forbidden', 'a key that expires cannot make one that lasts longer');
}

const lastOperatorKey = (): ApiError =>
  new ApiError('conflict', 'this is the last admin key of the operator', {
    hint: 'Make another admin key first, then revoke this one with it.',
  });

function requireForeignKey(db: Db, caller: Caller, memberId: string, kind: KeyKind): void {
  requireRole(caller, 'admin');
  if (kind === 'personal') throw new ApiError('forbidden', 'personal tokens are made by their member alone');
  const known = db.get(
    'SELECT 1 FROM memberships WHERE workspace_id = ? AND member_id = ?',
    caller.workspace.id,
    memberId,
  );
  if (!known) throw new ApiError('not_found', `no member ${memberId} in workspace ${caller.workspace.name}`);
}

function toKey({ role, lastUsedAt, expiresAt, ...row }: KeyRow): Key {
  return {
    ...row,
    ...(role !== null && { role }),
    ...(lastUsedAt !== null && { lastUsedAt }),
    ...(expiresAt !== null && { expiresAt }),
  };
}
