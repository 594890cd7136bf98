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
  /** A value chosen by the operator; random when absent. */
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
}

const selectKeys = `
  SELECT k.id, k.name, k.kind, k.prefix, k.role, w.name AS workspace, k.member_id AS memberId,
    k.created_at AS createdAt, k.last_used_at AS lastUsedAt
  FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
  WHERE k.revoked_at IS NULL`;

/** Everything the operator may do takes one of these. */
const fromKeys = `
  FROM api_keys k JOIN members m ON m.id = k.member_id JOIN accounts a ON a.id = m.account_id`;
const isOperatorKey = `(a.operator AND m.owner AND (k.kind = 'personal' OR k.role = 'admin'))`;

export type KeyStanding = 'unknown' | 'revoked' | 'operator' | 'other';

/** API keys and personal access tokens. `onChange` is told whenever one of them ends. */
export function createKeys({ db, clock, onChange }: { db: Db; clock: Clock; onChange: () => void }) {
  const hasOperatorKey = (): boolean =>
    db.get(`SELECT 1 ${fromKeys} WHERE ${isOperatorKey} AND k.revoked_at IS NULL`) !== undefined;

  const add = (given: NewKey): { key: Key; value: string } => {
    const value = given.value ?? newKeyValue(given.kind);
    const id = `apikey_${randomId(16)}`;
    db.run(
      `INSERT INTO api_keys (id, hash, prefix, name, kind, member_id, workspace_id, role, bootstrap, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    );
    const row = db.get<KeyRow>(`${selectKeys} AND k.id = ?`, id);
    if (!row) throw new Error(`key ${id} vanished`);
    return { key: toKey(row), value };
  };

  return {
    add,
    /** What a value is to this server: no key of it, one that has ended, the operator's, or another's. */
    standing: (value: string): KeyStanding => {
      const row = db.get<{ operator: number; revoked: number }>(
        `SELECT ${isOperatorKey} AS operator, k.revoked_at IS NOT NULL AS revoked ${fromKeys} WHERE k.hash = ?`,
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
      given: { name: string; kind: KeyKind; role?: Role | undefined; memberId?: string | undefined },
    ) => {
      const memberId = given.memberId ?? caller.member.id;
      const role = given.role ?? caller.role;
      if (memberId !== caller.member.id) requireForeignKey(db, caller, memberId, given.kind);
      if (!atLeast(caller.role, role))
        throw new ApiError('forbidden', `a key with the role ${caller.role} cannot make one with ${role}`);
      requireMintable(caller, given.kind);
      return add({
        name: given.name,
        kind: given.kind,
        memberId,
        workspaceId: caller.workspace.id,
        ...(given.kind === 'api' && { role }),
      });
    },

    list: (caller: Caller): Key[] =>
      db
        .all<KeyRow>(
          `${selectKeys} AND k.workspace_id = ? AND (k.member_id = ? OR ?) ORDER BY k.created_at`,
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
        db.run('UPDATE api_keys SET revoked_at = ? WHERE id = ?', clock.now(), id);
        if (!hasOperatorKey()) throw lastOperatorKey();
      });
      onChange();
    },
  };
}

/** A personal token follows its member everywhere; an api key, which others may have made, must not turn into one. */
function requireMintable(caller: Caller, kind: KeyKind): void {
  if (kind === 'api' || isPerson(caller)) return;
  throw new ApiError('forbidden', 'an api key cannot make a personal token', {
    hint: 'Use `atoll login`, or make an api key.',
  });
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

function toKey({ role, lastUsedAt, ...row }: KeyRow): Key {
  return { ...row, ...(role !== null && { role }), ...(lastUsedAt !== null && { lastUsedAt }) };
}
