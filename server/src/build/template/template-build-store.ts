import type { Db } from '../../store/db.ts';

export interface TemplateBuildRequest {
  /** `repository[:tag]` to register at the end. */
  name: string;
  dockerfile: string;
  baseImage?: string;
  /** Absent: as the name is already. */
  isPublic?: boolean;
}

export type TemplateBuildStatus = 'prepared' | 'running' | 'built' | 'completed' | 'failed';

/** A build that a client drives from a builder sandbox. */
export interface TemplateBuild {
  id: string;
  workspaceId: string;
  request: TemplateBuildRequest;
  status: TemplateBuildStatus;
  createdBy: string;
  createdAt: number;
  buildId?: string;
  imageId?: string;
  diskMb?: number;
  error?: string;
}

interface Row {
  id: string;
  workspace_id: string;
  request: string;
  status: TemplateBuildStatus;
  created_by: string;
  created_at: number;
  build_id: string | null;
  image_id: string | null;
  disk_mb: number | null;
  error: string | null;
}

export type TemplateBuildStore = ReturnType<typeof createTemplateBuildStore>;

/** The rows of such builds. */
export function createTemplateBuildStore(db: Db) {
  return {
    transaction: db.transaction,
    insert: (build: TemplateBuild): void =>
      void db.run(
        `INSERT INTO template_builds (id, workspace_id, request, status, created_by, created_at)
           VALUES (?, ?, ?, ?, ?, ?)`,
        build.id,
        build.workspaceId,
        JSON.stringify(build.request),
        build.status,
        build.createdBy,
        build.createdAt,
      ),
    find: (workspaceId: string, id: string): TemplateBuild | undefined => {
      const row = db.get<Row>(
        'SELECT * FROM template_builds WHERE id = ? AND workspace_id = ?',
        id,
        workspaceId,
      );
      return row && toBuild(row);
    },
    /** False when the build is not in that status: somebody else was first. */
    move: (id: string, from: TemplateBuildStatus, to: TemplateBuildStatus): boolean =>
      db.run('UPDATE template_builds SET status = ? WHERE id = ? AND status = ?', to, id, from) === 1,
    setBuild: (id: string, buildId: string): void =>
      void db.run('UPDATE template_builds SET build_id = ? WHERE id = ?', buildId, id),
    setImage: (id: string, imageId: string, diskMb: number | undefined): void =>
      void db.run(
        'UPDATE template_builds SET image_id = ?, disk_mb = ? WHERE id = ?',
        imageId,
        diskMb ?? null,
        id,
      ),
    fail: (id: string, error: string): void =>
      void db.run(
        "UPDATE template_builds SET status = 'failed', error = ? WHERE id = ? AND status IN ('prepared', 'running')",
        error,
        id,
      ),
    /** What an earlier process was carrying out is nobody's any more. */
    failRunning: (error: string): number =>
      db.run("UPDATE template_builds SET status = 'failed', error = ? WHERE status = 'running'", error),
    /** Forgets what was left alone. */
    removeBefore: (time: number): number =>
      db.run("DELETE FROM template_builds WHERE created_at < ? AND status <> 'running'", time),
  };
}

const toBuild = (row: Row): TemplateBuild => ({
  id: row.id,
  workspaceId: row.workspace_id,
  request: JSON.parse(row.request) as TemplateBuildRequest, // written by `insert`
  status: row.status,
  createdBy: row.created_by,
  createdAt: row.created_at,
  ...(row.build_id !== null && { buildId: row.build_id }),
  ...(row.image_id !== null && { imageId: row.image_id }),
  ...(row.disk_mb !== null && { diskMb: row.disk_mb }),
  ...(row.error !== null && { error: row.error }),
});
