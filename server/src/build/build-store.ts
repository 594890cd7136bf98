import type { BuildFailure, BuildResult, BuildStatus } from '@atoll/protocol';
import type { Db } from '../store/db.ts';

/** A build as the server keeps it. */
export interface BuildRecord {
  id: string;
  workspaceId: string;
  status: BuildStatus;
  name?: string;
  target?: string;
  cpus: number;
  memoryMb: number;
  builderDiskMb: number;
  createdAt: number;
  startedAt?: number;
  endedAt?: number;
  dockerfile?: string;
  imageId?: string;
  result?: BuildResult;
  failure?: BuildFailure;
  debug?: DebugState;
}

/** The state before the step that failed, kept as an image. */
export interface DebugState {
  imageId: string;
  command: readonly string[];
  user: string;
  workingDir: string;
  env: Readonly<Record<string, string>>;
}

interface Row {
  id: string;
  workspace_id: string;
  status: BuildStatus;
  name: string | null;
  target: string | null;
  cpus: number;
  memory_mb: number;
  builder_disk_mb: number;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  dockerfile: string | null;
  image_id: string | null;
  result: string | null;
  failure: string | null;
  debug: string | null;
}

export interface BuildPage {
  status?: BuildStatus;
  /** Id of the last build of the page before. */
  after?: string;
  limit?: number;
}

export type BuildStore = ReturnType<typeof createBuildStore>;

/** The rows of builds. */
export function createBuildStore(db: Db) {
  const find = (id: string): BuildRecord | undefined => {
    const row = db.get<Row>('SELECT * FROM builds WHERE id = ?', id);
    return row && toRecord(row);
  };
  return {
    transaction: db.transaction,
    insert: (record: BuildRecord): void => {
      db.run(
        `INSERT INTO builds (id, workspace_id, status, name, target, cpus, memory_mb, builder_disk_mb, created_at, dockerfile)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        record.id,
        record.workspaceId,
        record.status,
        record.name ?? null,
        record.target ?? null,
        record.cpus,
        record.memoryMb,
        record.builderDiskMb,
        record.createdAt,
        record.dockerfile ?? null,
      );
    },
    find: (workspaceId: string, id: string): BuildRecord | undefined => {
      const record = find(id);
      return record?.workspaceId === workspaceId ? record : undefined;
    },
    list: (workspaceId: string, { status, after, limit }: BuildPage): BuildRecord[] =>
      db
        .all<Row>(
          `SELECT * FROM builds WHERE workspace_id = ?1 AND status = coalesce(?2, status)
             AND (?3 IS NULL OR (created_at, id) < (SELECT created_at, id FROM builds WHERE id = ?3))
             ORDER BY created_at DESC, id DESC LIMIT ?4`,
          workspaceId,
          status ?? null,
          after ?? null,
          limit ?? -1,
        )
        .map(toRecord),
    /** Whether the build was in that status and now is in the other one. */
    move: (id: string, from: BuildStatus, to: 'queued' | 'running', now: number): boolean =>
      db.run(
        "UPDATE builds SET status = ?3, started_at = CASE WHEN ?3 = 'running' THEN ?4 END WHERE id = ?1 AND status = ?2",
        id,
        from,
        to,
        now,
      ) === 1,
    setDockerfile: (id: string, text: string): void =>
      void db.run('UPDATE builds SET dockerfile = ? WHERE id = ?', text, id),
    /** Ends a build that has not ended; false when it has. */
    end: (id: string, end: BuildEnd, now: number): boolean =>
      db.run(
        `UPDATE builds SET status = ?2, ended_at = ?3, image_id = ?4, result = ?5, failure = ?6, debug = ?7
           WHERE id = ?1 AND status IN ('waiting', 'queued', 'running')`,
        id,
        end.status,
        now,
        end.result?.imageId ?? null,
        jsonOrNull(end.result),
        jsonOrNull(end.failure),
        jsonOrNull(end.debug),
      ) === 1,
    unsettled: (): BuildRecord[] =>
      db.all<Row>("SELECT * FROM builds WHERE status IN ('waiting', 'queued', 'running')").map(toRecord),
    countUnsettled: (workspaceId: string): number =>
      db.get<{ count: number }>(
        "SELECT count(*) AS count FROM builds WHERE workspace_id = ? AND status IN ('waiting', 'queued', 'running')",
        workspaceId,
      )?.count ?? 0,
    countUnsettledByStatus: () =>
      db.all<{ status: BuildStatus; count: number }>(
        "SELECT status, count(*) AS count FROM builds WHERE status IN ('waiting', 'queued', 'running') GROUP BY status",
      ),
    /** The newest build that made an image. */
    ofImage: (imageId: string): BuildRecord | undefined => {
      const row = db.get<Row>(
        'SELECT * FROM builds WHERE image_id = ? ORDER BY created_at DESC LIMIT 1',
        imageId,
      );
      return row && toRecord(row);
    },
    /** Forgets builds that ended before; returns their ids. Those whose image is still here stay. */
    forgetBefore: (moment: number): string[] => {
      const where = `ended_at < ? AND (image_id IS NULL OR image_id NOT IN (SELECT id FROM images))`;
      const ids = db.all<{ id: string }>(`SELECT id FROM builds WHERE ${where}`, moment).map(({ id }) => id);
      for (const id of ids) db.run('DELETE FROM builds WHERE id = ?', id);
      return ids;
    },
  };
}

export interface BuildEnd {
  status: 'succeeded' | 'failed' | 'cancelled';
  result?: BuildResult;
  failure?: BuildFailure;
  debug?: DebugState;
}

const jsonOrNull = (value: object | undefined): string | null =>
  value === undefined ? null : JSON.stringify(value);

/** The columns hold what this module wrote. */
const parse = <T>(text: string): T => JSON.parse(text) as T;

function toRecord(row: Row): BuildRecord {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    status: row.status,
    cpus: row.cpus,
    memoryMb: row.memory_mb,
    builderDiskMb: row.builder_disk_mb,
    createdAt: row.created_at,
    ...(row.name !== null && { name: row.name }),
    ...(row.target !== null && { target: row.target }),
    ...(row.started_at !== null && { startedAt: row.started_at }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.dockerfile !== null && { dockerfile: row.dockerfile }),
    ...(row.image_id !== null && { imageId: row.image_id }),
    ...(row.result !== null && { result: parse<BuildResult>(row.result) }),
    ...(row.failure !== null && { failure: parse<BuildFailure>(row.failure) }),
    ...(row.debug !== null && { debug: parse<DebugState>(row.debug) }),
  };
}
