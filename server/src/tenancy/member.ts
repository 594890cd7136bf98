import { ApiError } from '@atoll/protocol';
import type { Member, Role } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { requireRole } from './caller.ts';
import type { Caller } from './caller.ts';

type MemberRow = Omit<Member, 'owner'> & { owner: number };

export type MemberChange = { memberId: string; role: Role } | { name: string; role: Role };

/** Who may use a workspace, and as what. `onChange` is told whenever a role changes or ends. */
export function createMembers({ db, clock, onChange }: { db: Db; clock: Clock; onChange: () => void }) {
  const list = (workspaceId: string): Member[] =>
    db
      .all<MemberRow>(
        `SELECT m.id, m.name, m.owner, CASE WHEN m.owner THEN 'admin' ELSE s.role END AS role, m.created_at AS createdAt
       FROM workspaces w
         JOIN members m ON m.account_id = w.account_id
         LEFT JOIN memberships s ON s.workspace_id = w.id AND s.member_id = m.id
       WHERE w.id = ? AND (m.owner OR s.role IS NOT NULL) ORDER BY m.created_at`,
        workspaceId,
      )
      .map((row) => ({ ...row, owner: row.owner === 1 }));

  const addToAccount = (caller: Caller, name: string): string => {
    if (db.get('SELECT 1 FROM members WHERE account_id = ? AND name = ?', caller.account.id, name)) {
      throw new ApiError('conflict', `there is a member ${name} already`, {
        hint: 'Name the member by its id.',
      });
    }
    const id = `user_${randomId(16)}`;
    db.run(
      'INSERT INTO members (id, account_id, name, created_at) VALUES (?, ?, ?, ?)',
      id,
      caller.account.id,
      name,
      clock.now(),
    );
    return id;
  };

  const requireMember = (caller: Caller, id: string): { owner: number } => {
    const found = db.get<{ owner: number }>(
      'SELECT owner FROM members WHERE id = ? AND account_id = ?',
      id,
      caller.account.id,
    );
    if (!found) throw new ApiError('not_found', `no member ${id} in the account ${caller.account.name}`);
    if (found.owner === 1)
      throw new ApiError('conflict', 'an owner is admin of every workspace of the account');
    return found;
  };

  return {
    list: (caller: Caller): Member[] => list(caller.workspace.id),

    put: (caller: Caller, change: MemberChange): Member => {
      requireRole(caller, 'admin');
      const id = db.transaction(() => {
        const memberId = 'memberId' in change ? change.memberId : addToAccount(caller, change.name);
        requireMember(caller, memberId);
        db.run(
          `INSERT INTO memberships (workspace_id, member_id, role) VALUES (?, ?, ?)
           ON CONFLICT (workspace_id, member_id) DO UPDATE SET role = excluded.role`,
          caller.workspace.id,
          memberId,
          change.role,
        );
        return memberId;
      });
      onChange();
      const member = list(caller.workspace.id).find((candidate) => candidate.id === id);
      if (!member) throw new Error(`member ${id} vanished`);
      return member;
    },

    remove: (caller: Caller, memberId: string): void => {
      requireRole(caller, 'admin');
      requireMember(caller, memberId);
      const removed = db.transaction(() => {
        // Personal tokens stay: they are for whatever other workspaces the member has, and for none without a role.
        db.run(
          `UPDATE api_keys SET revoked_at = ?
           WHERE member_id = ? AND workspace_id = ? AND kind = 'api' AND revoked_at IS NULL`,
          clock.now(),
          memberId,
          caller.workspace.id,
        );
        return db.run(
          'DELETE FROM memberships WHERE workspace_id = ? AND member_id = ?',
          caller.workspace.id,
          memberId,
        );
      });
      onChange();
      if (removed === 0)
        throw new ApiError('not_found', `no member ${memberId} in workspace ${caller.workspace.name}`);
    },
  };
}
