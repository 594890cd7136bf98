import { ApiError } from '@atoll/protocol';
import type { Role } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { isPerson, lowerRole } from './caller.ts';
import type { Caller } from './caller.ts';
import { parseSshPublicKey } from './ssh-public-key.ts';

export interface SshKey {
  id: string;
  name: string;
  keyType: string;
  fingerprint: string;
  createdAt: number;
  lastUsedAt: number | null;
}

/** What a public key opens: one workspace for each entry. */
export interface SshAccess {
  keyId: string;
  memberId: string;
  workspaceId: string;
  role: Role;
  /** When the key that it was registered with ends by itself. */
  endsAt?: number;
}

const MAX_KEYS_PER_MEMBER = 100;
const columns = `id, name, key_type AS keyType, fingerprint, created_at AS createdAt, last_used_at AS lastUsedAt`;

export type SshKeys = ReturnType<typeof createSshKeys>;

/** Public keys by which members reach sandboxes over SSH. `onChange` is told whenever one of them ends. */
export function createSshKeys({ db, clock, onChange }: { db: Db; clock: Clock; onChange: () => void }) {
  const list = (caller: Caller): SshKey[] =>
    db.all<SshKey>(
      `SELECT ${columns} FROM ssh_keys WHERE member_id = ?1 AND (?2 OR api_key_id = ?3) ORDER BY created_at, id`,
      caller.member.id,
      isPerson(caller) ? 1 : 0,
      caller.keyId,
    );

  return {
    /** The caller's own: those of its member or, for an api key, those that were registered with it. */
    list,
    add: (caller: Caller, given: { name: string; publicKey: string }): SshKey => {
      const { type, fingerprint } = parseSshPublicKey(given.publicKey);
      const id = `sshkey_${randomId(16)}`;
      db.transaction(() => {
        const { count } = db.get<{ count: number }>(
          'SELECT count(*) AS count FROM ssh_keys WHERE member_id = ?',
          caller.member.id,
        ) ?? { count: 0 };
        if (count >= MAX_KEYS_PER_MEMBER)
          throw new ApiError('limit_exceeded', `a member has ${MAX_KEYS_PER_MEMBER} SSH keys at most`);
        const added = db.run(
          `INSERT OR IGNORE INTO ssh_keys (id, member_id, api_key_id, name, key_type, fingerprint, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
          id,
          caller.member.id,
          isPerson(caller) ? null : caller.keyId,
          given.name,
          type,
          fingerprint,
          clock.now(),
        );
        if (added === 0) throw new ApiError('conflict', `this SSH key is registered already: ${fingerprint}`);
      });
      const key = list(caller).find((each) => each.id === id);
      if (key === undefined) throw new Error(`SSH key ${id} vanished`);
      return key;
    },
    remove: (caller: Caller, id: string): void => {
      if (!list(caller).some((key) => key.id === id)) throw new ApiError('not_found', `no SSH key ${id}`);
      db.run('DELETE FROM ssh_keys WHERE id = ?', id);
      onChange();
    },
    /** Every workspace that a public key opens now, and as what. */
    accessOf: (fingerprint: string): SshAccess[] =>
      db
        .all<
          Omit<SshAccess, 'role' | 'endsAt'> & {
            memberRole: Role;
            keyRole: Role | null;
            endsAt: number | null;
          }
        >(selectAccess, fingerprint, clock.now())
        .map(({ memberRole, keyRole, endsAt, ...access }) => ({
          ...access,
          ...(endsAt !== null && { endsAt }),
          role: keyRole === null ? memberRole : lowerRole(memberRole, keyRole),
        })),
    markUsed: (id: string): void =>
      void db.run('UPDATE ssh_keys SET last_used_at = ? WHERE id = ?', clock.now(), id),
  };
}

const selectAccess = `
  SELECT s.id AS keyId, m.id AS memberId, w.id AS workspaceId, k.role AS keyRole, k.expires_at AS endsAt,
    CASE WHEN m.owner AND w.account_id = m.account_id THEN 'admin' ELSE ms.role END AS memberRole
  FROM ssh_keys s
    JOIN members m ON m.id = s.member_id
    LEFT JOIN api_keys k ON k.id = s.api_key_id
    JOIN workspaces w ON k.id IS NULL OR w.id = k.workspace_id
    LEFT JOIN memberships ms ON ms.workspace_id = w.id AND ms.member_id = m.id
  WHERE s.fingerprint = ? AND (s.api_key_id IS NULL OR k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?))
    AND ((m.owner AND w.account_id = m.account_id) OR ms.role IS NOT NULL)`;
