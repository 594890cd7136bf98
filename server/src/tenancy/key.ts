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

/** API keys and personal access tokens. `onChange` is told whenever one of them ends. */
export function createKeys({ db, clock, onChange }: { db: Db; clock: Clock; onChange: () => void }) {
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
    isKnown: (value: string): boolean =>
      db.get('SELECT 1 FROM api_keys WHERE hash = ?', hashSecret(value)) !== undefined,

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
      db.run('UPDATE api_keys SET revoked_at = ? WHERE id = ?', clock.now(), id);
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
