import type { Db } from '../store/db.ts';

/** Who keeps a checkpoint from being deleted. */
export interface CheckpointHolder {
  /** `sandbox` (a suspended one), `copy` (while copies start), or what else stands on checkpoints, such as `snapshot`. */
  kind: string;
  id: string;
}

export interface CheckpointRow {
  id: string;
  workspaceId: string;
  sandboxId: string;
  state: 'writing' | 'ready';
  sizeBytes: number;
  createdAt: number;
}

const columns = `id, workspace_id AS workspaceId, sandbox_id AS sandboxId, state,
  ifnull(size_bytes, 0) AS sizeBytes, created_at AS createdAt`;

export type CheckpointRecords = ReturnType<typeof createCheckpointRecords>;

/** Reads and writes of the tables of checkpoints. */
export function createCheckpointRecords(db: Db) {
  return {
    begin: ({ id, workspaceId, sandboxId, createdAt }: Omit<CheckpointRow, 'state' | 'sizeBytes'>): void =>
      void db.run(
        `INSERT INTO checkpoints (id, workspace_id, sandbox_id, state, created_at) VALUES (?, ?, ?, 'writing', ?)`,
        id,
        workspaceId,
        sandboxId,
        createdAt,
      ),
    /** To be called in the transaction that writes the holder's own record. */
    commit: (id: string, sizeBytes: number): void =>
      void db.run(`UPDATE checkpoints SET state = 'ready', size_bytes = ? WHERE id = ?`, sizeBytes, id),
    byId: (id: string): CheckpointRow | undefined =>
      db.get<CheckpointRow>(`SELECT ${columns} FROM checkpoints WHERE id = ?`, id),
    ids: (): string[] => db.all<{ id: string }>('SELECT id FROM checkpoints').map(({ id }) => id),
    hold: (id: string, holder: CheckpointHolder): void =>
      void db.run(
        'INSERT OR IGNORE INTO checkpoint_holders (checkpoint_id, kind, holder_id) VALUES (?, ?, ?)',
        id,
        holder.kind,
        holder.id,
      ),
    release: ({ kind, id }: CheckpointHolder): void =>
      void db.run('DELETE FROM checkpoint_holders WHERE kind = ? AND holder_id = ?', kind, id),
    releaseKind: (kind: string): void => void db.run('DELETE FROM checkpoint_holders WHERE kind = ?', kind),
    /** What an earlier process has left half written. */
    writing: (): string[] =>
      db.all<{ id: string }>(`SELECT id FROM checkpoints WHERE state = 'writing'`).map(({ id }) => id),
    unheld: (): string[] =>
      db
        .all<{ id: string }>(
          `SELECT id FROM checkpoints WHERE state = 'ready'
           AND id NOT IN (SELECT checkpoint_id FROM checkpoint_holders)`,
        )
        .map(({ id }) => id),
    remove: (id: string): void => void db.run('DELETE FROM checkpoints WHERE id = ?', id),
  };
}
