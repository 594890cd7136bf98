import type { Db } from '../store/db.ts';

/** An image by its owner and name. */
export interface SharedImage {
  workspaceId: string;
  repository: string;
}

export interface WorkspaceRow {
  id: string;
  name: string;
  accountId: string;
}

export interface ShareRow {
  workspace: string;
  accountId: string;
  createdAt: number;
}

export interface PendingRow {
  id: string;
  repository: string;
  sourceWorkspaceId: string;
  sourceWorkspace: string;
  sourceAccountId: string;
  targetWorkspaceId: string;
  targetWorkspace: string;
  targetAccountId: string;
  sharedBy: string;
  sharedByName: string;
  createdAt: number;
  expiresAt: number;
  hasConflict: number;
}

const selectPending = `
  SELECT p.id, p.repository, s.id AS sourceWorkspaceId, s.name AS sourceWorkspace, s.account_id AS sourceAccountId,
    t.id AS targetWorkspaceId, t.name AS targetWorkspace, t.account_id AS targetAccountId, p.shared_by AS sharedBy,
    m.name AS sharedByName, p.created_at AS createdAt, p.expires_at AS expiresAt,
    EXISTS (SELECT 1 FROM image_tags i WHERE i.workspace_id = t.id AND i.repository = p.repository)
      OR EXISTS (SELECT 1 FROM image_shares o WHERE o.target_workspace_id = t.id AND o.repository = p.repository)
      AS hasConflict
  FROM pending_image_shares p JOIN workspaces s ON s.id = p.source_workspace_id
    JOIN workspaces t ON t.id = p.target_workspace_id JOIN members m ON m.id = p.shared_by`;

export type ShareRecords = ReturnType<typeof createShareRecords>;

/** The rows of shares. Every method is synchronous, so that callers can join them in one transaction. */
export function createShareRecords(db: Db) {
  return {
    transaction: db.transaction,
    workspace: (name: string): WorkspaceRow | undefined =>
      db.get('SELECT id, name, account_id AS accountId FROM workspaces WHERE id = ?1 OR name = ?1', name),
    hasImage: ({ workspaceId, repository }: SharedImage): boolean =>
      db.get(
        'SELECT 1 FROM image_tags WHERE workspace_id = ? AND repository = ? AND image_id IS NOT NULL',
        workspaceId,
        repository,
      ) !== undefined,
    /** The workspace that shares the name with this one. */
    source: ({ workspaceId, repository }: SharedImage): string | undefined =>
      db.get<{ id: string }>(
        'SELECT source_workspace_id AS id FROM image_shares WHERE target_workspace_id = ? AND repository = ?',
        workspaceId,
        repository,
      )?.id,
    /** Whoever has the name in the target loses it to this share. */
    add: ({ workspaceId, repository }: SharedImage, targetId: string, sharedBy: string, now: number): void =>
      void db.run(
        'INSERT OR REPLACE INTO image_shares VALUES (?, ?, ?, ?, ?)',
        targetId,
        repository,
        workspaceId,
        sharedBy,
        now,
      ),
    remove: ({ workspaceId, repository }: SharedImage, targetId: string): boolean =>
      db.run(
        'DELETE FROM image_shares WHERE source_workspace_id = ? AND repository = ? AND target_workspace_id = ?',
        workspaceId,
        repository,
        targetId,
      ) > 0,
    shares: ({ workspaceId, repository }: SharedImage): ShareRow[] =>
      db.all(
        `SELECT w.name AS workspace, w.account_id AS accountId, s.created_at AS createdAt
           FROM image_shares s JOIN workspaces w ON w.id = s.target_workspace_id
           WHERE s.source_workspace_id = ? AND s.repository = ? ORDER BY w.name`,
        workspaceId,
        repository,
      ),
    addPending: (
      id: string,
      { workspaceId, repository }: SharedImage,
      targetId: string,
      sharedBy: string,
      times: { createdAt: number; expiresAt: number },
    ): void =>
      void db.run(
        'INSERT OR REPLACE INTO pending_image_shares VALUES (?, ?, ?, ?, ?, ?, ?)',
        id,
        workspaceId,
        repository,
        targetId,
        sharedBy,
        times.createdAt,
        times.expiresAt,
      ),
    pending: (id: string): PendingRow | undefined => db.get(`${selectPending} WHERE p.id = ?`, id),
    pendingOf: ({ workspaceId, repository }: SharedImage): PendingRow[] =>
      db.all(
        `${selectPending} WHERE p.source_workspace_id = ? AND p.repository = ? ORDER BY t.name`,
        workspaceId,
        repository,
      ),
    incoming: (workspaceId: string): PendingRow[] =>
      db.all(`${selectPending} WHERE p.target_workspace_id = ? ORDER BY p.created_at, p.id`, workspaceId),
    outgoing: (workspaceId: string): PendingRow[] =>
      db.all(`${selectPending} WHERE p.source_workspace_id = ? ORDER BY p.created_at, p.id`, workspaceId),
    removePending: (id: string): void => void db.run('DELETE FROM pending_image_shares WHERE id = ?', id),
    forgetPending: (expiredBefore: number): void =>
      void db.run('DELETE FROM pending_image_shares WHERE expires_at < ?', expiredBefore),
  };
}
