import { ApiError, reservedWorkspaces } from '@atoll/protocol';
import type { Account, Workspace } from '@atoll/protocol';
import { randomId } from '../lib/id.ts';
import type { Clock } from '../lib/clock.ts';
import type { Db } from '../store/db.ts';
import { requireOwner } from './caller.ts';
import type { Caller } from './caller.ts';

export interface NewAccount {
  name: string;
  workspace: string;
  ownerName: string;
  operator: boolean;
}

/** Accounts and their workspaces. */
export function createAccounts({ db, clock }: { db: Db; clock: Clock }) {
  const nameIsFree = (table: 'accounts' | 'workspaces', name: string) =>
    db.get(`SELECT 1 FROM ${table} WHERE name = ?`, name) === undefined;

  const addWorkspace = (accountId: string, name: string): Workspace => {
    const reserved = (reservedWorkspaces as readonly string[]).includes(name) || name === 'public';
    if (reserved) throw new ApiError('conflict', `the workspace name ${name} is reserved`);
    if (!nameIsFree('workspaces', name))
      throw new ApiError('conflict', `there is a workspace ${name} already`);
    const workspace = { id: `project_${randomId(16)}`, accountId, name, createdAt: clock.now() };
    db.run(
      'INSERT INTO workspaces (id, account_id, name, created_at) VALUES (?, ?, ?, ?)',
      workspace.id,
      accountId,
      name,
      workspace.createdAt,
    );
    return workspace;
  };

  return {
    /** Makes an account with its first workspace and owner. */
    create: (given: NewAccount): { account: Account; workspace: Workspace; memberId: string } =>
      db.transaction(() => {
        if (!nameIsFree('accounts', given.name))
          throw new ApiError('conflict', `there is an account ${given.name} already`);
        const account = { id: `org_${randomId(16)}`, name: given.name, createdAt: clock.now() };
        db.run(
          'INSERT INTO accounts (id, name, operator, created_at) VALUES (?, ?, ?, ?)',
          account.id,
          account.name,
          given.operator ? 1 : 0,
          account.createdAt,
        );
        const workspace = addWorkspace(account.id, given.workspace);
        const memberId = `user_${randomId(16)}`;
        db.run(
          'INSERT INTO members (id, account_id, name, owner, created_at) VALUES (?, ?, ?, 1, ?)',
          memberId,
          account.id,
          given.ownerName,
          account.createdAt,
        );
        return { account, workspace, memberId };
      }),

    list: (caller: Caller): Account[] =>
      db.all<Account>(
        'SELECT id, name, created_at AS createdAt FROM accounts WHERE id = ? OR ? ORDER BY created_at',
        caller.account.id,
        caller.account.operator && caller.member.owner && caller.role === 'admin' ? 1 : 0,
      ),

    /** The workspace of a name or id, whoever may use it. */
    findWorkspaceId: (name: string): string | undefined =>
      db.get<{ id: string }>('SELECT id FROM workspaces WHERE id = ?1 OR name = ?1', name)?.id,

    createWorkspace: (caller: Caller, name: string): Workspace => {
      requireOwner(caller);
      return db.transaction(() => addWorkspace(caller.account.id, name));
    },

    /** What the caller's key reaches: one workspace for an api key, the member's for a personal token. */
    listWorkspaces: (caller: Caller): Workspace[] =>
      db.all<Workspace>(
        `SELECT w.id, w.account_id AS accountId, w.name, w.created_at AS createdAt FROM workspaces w
         WHERE CASE WHEN ? = 'api' THEN w.id = ?
           ELSE (? AND w.account_id = ?) OR w.id IN (SELECT workspace_id FROM memberships WHERE member_id = ?) END
         ORDER BY w.name`,
        caller.kind,
        caller.workspace.id,
        caller.member.owner ? 1 : 0,
        caller.account.id,
        caller.member.id,
      ),
  };
}
