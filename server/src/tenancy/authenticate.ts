import { ApiError } from '@atoll/protocol';
import type { Role } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Db } from '../store/db.ts';
import { lowerRole } from './caller.ts';
import type { Caller } from './caller.ts';
import { hashSecret, isPersonalValue } from './key-value.ts';
import type { KeyKind } from './key-value.ts';

interface KeyRow {
  id: string;
  name: string;
  kind: KeyKind;
  role: Role | null;
  bootstrap: number;
  expiresAt: number | null;
  memberId: string;
  memberName: string;
  owner: number;
  accountId: string;
  accountName: string;
  operator: number;
  workspaceId: string;
  workspaceName: string;
}

const selectKey = (found: string): string => `
  SELECT k.id, k.name, k.kind, k.role, k.bootstrap, k.expires_at AS expiresAt, m.id AS memberId, m.name AS memberName, m.owner, a.id AS accountId,
    a.name AS accountName, a.operator, w.id AS workspaceId, w.name AS workspaceName
  FROM api_keys k
    JOIN members m ON m.id = k.member_id
    JOIN accounts a ON a.id = m.account_id
    JOIN workspaces w ON w.id = k.workspace_id
  WHERE ${found} AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?)`;
const byValue = selectKey('k.hash = ?');
const byId = selectKey('k.id = ?');
const selectSession =
  'SELECT key_id AS keyId, expires_at AS expiresAt FROM sessions WHERE hash = ? AND expires_at > ?';

const MAX_CACHED_CALLERS = 10_000;

export type Authenticator = ReturnType<typeof createAuthenticator>;

/**
 * Turns a key into a caller. Known callers are kept in memory, because every data-plane request asks;
 * `forget` empties that memory whenever keys or roles change.
 */
export function createAuthenticator({ db, clock }: { db: Db; clock: Clock }) {
  const callers = new Map<string, Caller>();
  const usedKeys = new Map<string, number>();

  const roleIn = (row: KeyRow, workspaceId: string): Role | undefined => {
    const membership = db.get<{ role: Role }>(
      'SELECT role FROM memberships WHERE workspace_id = ? AND member_id = ?',
      workspaceId,
      row.memberId,
    );
    const ownsIt =
      row.owner === 1 &&
      db.get('SELECT 1 FROM workspaces WHERE id = ? AND account_id = ?', workspaceId, row.accountId) !==
        undefined;
    const role = ownsIt ? 'admin' : membership?.role;
    return role && row.role ? lowerRole(role, row.role) : role;
  };

  const callerOf = (row: KeyRow, named: string | undefined, project: string | undefined): Caller => {
    const wanted = named ?? (row.kind === 'personal' ? project : undefined);
    const workspace = findWorkspace(db, row, wanted);
    const role = workspace && roleIn(row, workspace.id);
    if (!workspace || !role) {
      if (wanted === undefined)
        throw new ApiError('unauthenticated', "the key's member has lost its role in the workspace");
      throw new ApiError('not_found', `no workspace ${wanted} that this key may use`);
    }
    return {
      keyId: row.id,
      keyName: row.name,
      kind: row.kind,
      isBootstrap: row.bootstrap === 1,
      ...(row.expiresAt !== null && { expiresAt: row.expiresAt, endsAt: row.expiresAt }),
      workspace,
      role,
      member: { id: row.memberId, name: row.memberName, owner: row.owner === 1 },
      account: { id: row.accountId, name: row.accountName, operator: row.operator === 1 },
    };
  };

  const lookUp = (value: string, named: string | undefined, project: string | undefined): Caller => {
    const row = db.get<KeyRow>(byValue, hashSecret(value), clock.now());
    if (!row) throw new ApiError('unauthenticated', 'this API key is unknown or has ended');
    return callerOf(row, named, project);
  };

  return {
    /** The caller behind a browser's session: the one behind the key that opened it. */
    authenticateSession: (value: string, workspace?: string, project?: string): Caller => {
      const now = clock.now();
      const session = db.get<{ keyId: string; expiresAt: number }>(selectSession, hashSecret(value), now);
      const row = session && db.get<KeyRow>(byId, session.keyId, now);
      if (!row) throw new ApiError('unauthenticated', 'this session has ended');
      usedKeys.set(row.id, now);
      const caller = callerOf(row, nameOf(workspace), nameOf(project));
      return { ...caller, endsAt: Math.min(session.expiresAt, caller.expiresAt ?? Infinity) };
    },
    /**
     * The caller behind a key, in the workspace it asks for by name or id (`undefined` or `default`: the key's own).
     * A personal token that asks for none acts in `project`, if that is given.
     * Throws `unauthenticated`, or `not_found` for a workspace that the key may not use.
     */
    authenticate: (value: string | undefined, workspace?: string, project?: string): Caller => {
      if (value === undefined || value === '')
        throw new ApiError('unauthenticated', 'this request has no API key');
      const named = nameOf(workspace);
      // Left out for api keys, for which the memory would hold one entry for each value that a client makes up.
      const fallback = named === undefined && isPersonalValue(value) ? nameOf(project) : undefined;
      const cacheKey = `${named ?? fallback ?? ''}\0${value}`;
      const known = callers.get(cacheKey);
      const holds = known && (known.expiresAt ?? Number.POSITIVE_INFINITY) > clock.now();
      const caller = holds ? known : lookUp(value, named, fallback);
      if (callers.size >= MAX_CACHED_CALLERS) callers.clear();
      callers.set(cacheKey, caller);
      usedKeys.set(caller.keyId, clock.now());
      return caller;
    },
    /** Whether this is a key of this server, also one that has ended or that reaches no workspace any more. */
    isKey: (value: string): boolean =>
      db.get('SELECT 1 FROM api_keys WHERE hash = ?', hashSecret(value)) !== undefined,
    forget: () => callers.clear(),
    /** Writes when keys were last used; called now and then, so that requests need no write of their own. */
    flushUse: () =>
      db.transaction(() => {
        for (const [id, at] of usedKeys) db.run('UPDATE api_keys SET last_used_at = ? WHERE id = ?', at, id);
        usedKeys.clear();
      }),
  };
}

const nameOf = (workspace: string | undefined): string | undefined =>
  workspace === 'default' || workspace === '' ? undefined : workspace;

/** The key's own workspace unless another is wanted; an api key reaches its own alone. */
function findWorkspace(
  db: Db,
  row: KeyRow,
  wanted: string | undefined,
): { id: string; name: string } | undefined {
  const own = { id: row.workspaceId, name: row.workspaceName };
  if (wanted === undefined || wanted === own.id || wanted === own.name) return own;
  if (row.kind === 'api') return undefined;
  return db.get('SELECT id, name FROM workspaces WHERE id = ?1 OR name = ?1', wanted);
}
