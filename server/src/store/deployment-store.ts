import type { Db } from './db.ts';
import type { Declaration } from './declaration-store.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';

export type DeploymentKind = 'sandbox' | 'image';
export type DeploymentStatus = 'uploading' | 'building' | 'deploying' | 'deployed' | 'failed' | 'removed';

/** What is declared under a name, while its image is built and after. Times are epoch milliseconds. */
export interface Deployment {
  id: string;
  workspaceId: string;
  kind: DeploymentKind;
  name: string;
  status: DeploymentStatus;
  buildId: string;
  declaration?: Declaration;
  error?: string;
  /** Whether a client was told that it is under way. */
  isSeen: boolean;
  createdAt: number;
  updatedAt: number;
}

interface Row {
  id: string;
  workspace_id: string;
  kind: DeploymentKind;
  name: string;
  status: DeploymentStatus;
  build_id: string;
  declaration: string | null;
  error: string | null;
  is_seen: number;
  created_at: number;
  updated_at: number;
}

export type DeploymentStore = ReturnType<typeof createDeploymentStore>;

const UNSETTLED = "status IN ('uploading', 'building', 'deploying')";

/** The rows of deployments. */
export function createDeploymentStore(db: Db) {
  return {
    /** Takes the place of the one that had the name. */
    put: (one: Deployment, tokenHash: string | undefined): void =>
      db.transaction(() => {
        db.run(
          'DELETE FROM deployments WHERE workspace_id = ? AND kind = ? AND name = ?',
          one.workspaceId,
          one.kind,
          one.name,
        );
        db.run(
          `INSERT INTO deployments (id, workspace_id, kind, name, status, build_id, declaration, token_hash, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          one.id,
          one.workspaceId,
          one.kind,
          one.name,
          one.status,
          one.buildId,
          one.declaration ? JSON.stringify(one.declaration) : null,
          tokenHash ?? null,
          one.createdAt,
          one.updatedAt,
        );
      }),
    find: (workspaceId: string, kind: DeploymentKind, name: string): Deployment | undefined => {
      const row = db.get<Row>(
        'SELECT * FROM deployments WHERE workspace_id = ? AND kind = ? AND name = ?',
        workspaceId,
        kind,
        name,
      );
      return row && toDeployment(row);
    },
    ofWorkspace: (workspaceId: string, kind: DeploymentKind): Deployment[] =>
      db
        .all<Row>('SELECT * FROM deployments WHERE workspace_id = ? AND kind = ?', workspaceId, kind)
        .map(toDeployment),
    /** Whose upload URL it is; the URL is used up, whatever comes of it. */
    takeToken: (tokenHash: string, now: number): Deployment | undefined => {
      const row = db.get<Row>(
        `UPDATE deployments SET token_hash = NULL, updated_at = ? WHERE token_hash = ? AND status = 'uploading' RETURNING *`,
        now,
        tokenHash,
      );
      return row && toDeployment(row);
    },
    /** Whether it was under way, and now is in the other status. */
    move: (id: string, to: DeploymentStatus, now: number, error?: string): boolean =>
      db.run(
        `UPDATE deployments SET status = ?2, updated_at = ?3, error = ?4 WHERE id = ?1 AND ${UNSETTLED}`,
        id,
        to,
        now,
        error ?? null,
      ) === 1,
    markSeen: (id: string): void => void db.run('UPDATE deployments SET is_seen = 1 WHERE id = ?', id),
    /** What failed no longer says so: something else has the name, or nothing. */
    remove: (id: string, now: number): void =>
      void db.run(
        "UPDATE deployments SET status = 'removed', token_hash = NULL, updated_at = ? WHERE id = ?",
        now,
        id,
      ),
    /** What an earlier process had under way has failed; returns how many. */
    failUnsettled: (error: string, now: number): number =>
      db.run(
        `UPDATE deployments SET status = 'failed', token_hash = NULL, error = ?, updated_at = ? WHERE ${UNSETTLED}`,
        error,
        now,
      ),
    /** Those whose build is no longer remembered have no log to show. */
    forget: (): void =>
      void db.run(
        `DELETE FROM deployments WHERE status IN ('deployed', 'removed', 'failed') AND build_id NOT IN (SELECT id FROM builds)`,
      ),
  };
}

const toDeployment = (row: Row): Deployment =>
  withoutUndefined({
    id: row.id,
    workspaceId: row.workspace_id,
    kind: row.kind,
    name: row.name,
    status: row.status,
    buildId: row.build_id,
    // Written by this module alone, so its shape is known.
    declaration: row.declaration === null ? undefined : (JSON.parse(row.declaration) as Declaration),
    error: row.error ?? undefined,
    isSeen: row.is_seen === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  });
