import type { Db } from './db.ts';

/** A pool as the server knows it; `template` is what the domain makes its sandboxes of. Times are epoch milliseconds. */
export interface PoolRecord<T = unknown> {
  id: string;
  workspaceId: string;
  template: T;
  /** Grows when the template changes: sandboxes of an earlier one are stale. */
  generation: number;
  /** How many sandboxes are kept ready. */
  warmContainers: number;
  /** How many there may be at once, those that were claimed included; absent: as many as the workspace may have. */
  maxContainers?: number;
  createdAt: number;
  updatedAt: number;
  /** It is being deleted: nothing of it can be claimed any more. */
  deletedAt?: number;
}

interface PoolRow {
  id: string;
  workspace_id: string;
  template: string;
  generation: number;
  warm_containers: number;
  max_containers: number | null;
  created_at: number;
  updated_at: number;
  deleted_at: number | null;
}

export type PoolStore<T> = ReturnType<typeof createPoolStore<T>>;

/** Reads and writes the `sandbox_pools` table. Templates are written by this server alone, so their shape is known. */
export function createPoolStore<T>(db: Db) {
  const many = (sql: string, ...params: (string | number)[]) =>
    db.all<PoolRow>(`SELECT * FROM sandbox_pools ${sql}`, ...params).map(toRecord<T>);
  return {
    insert: (pool: PoolRecord<T>): void =>
      void db.run(
        `INSERT INTO sandbox_pools
           (id, workspace_id, template, generation, warm_containers, max_containers, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        pool.id,
        pool.workspaceId,
        JSON.stringify(pool.template),
        pool.generation,
        pool.warmContainers,
        pool.maxContainers ?? null,
        pool.createdAt,
        pool.updatedAt,
      ),
    update: (pool: PoolRecord<T>): void =>
      void db.run(
        `UPDATE sandbox_pools SET template = ?, generation = ?, warm_containers = ?, max_containers = ?, updated_at = ?
         WHERE id = ?`,
        JSON.stringify(pool.template),
        pool.generation,
        pool.warmContainers,
        pool.maxContainers ?? null,
        pool.updatedAt,
        pool.id,
      ),
    /** Pools that are being deleted too. */
    byId: (id: string): PoolRecord<T> | undefined => many('WHERE id = ?', id)[0],
    all: (): PoolRecord<T>[] => many('ORDER BY created_at, id'),
    list: (workspaceId: string): PoolRecord<T>[] =>
      many('WHERE workspace_id = ? AND deleted_at IS NULL ORDER BY created_at DESC, id DESC', workspaceId),
    markDeleted: (id: string, at: number): void =>
      void db.run('UPDATE sandbox_pools SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL', at, id),
    remove: (id: string): void => void db.run('DELETE FROM sandbox_pools WHERE id = ?', id),
  };
}

function toRecord<T>(row: PoolRow): PoolRecord<T> {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    template: JSON.parse(row.template) as T, // written by `insert` and `update`
    generation: row.generation,
    warmContainers: row.warm_containers,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    ...(row.max_containers !== null && { maxContainers: row.max_containers }),
    ...(row.deleted_at !== null && { deletedAt: row.deleted_at }),
  };
}
