import type { QuotaName } from '@atoll/protocol';
import type { Db } from './db.ts';

/** What is limited; absent is whatever the server grants to every workspace. */
export type Quotas = Partial<Record<QuotaName, number>>;

/** A limit of its own; `null` takes it back. */
export type QuotaChange = Partial<Record<QuotaName, number | null>>;

export type QuotaStore = ReturnType<typeof createQuotaStore>;

type Row = Record<QuotaName, number | null>;

const columns = 'sandboxes, cpus, memory_mb AS memoryMb, disk_mb AS diskMb, builds';
const none: Row = { sandboxes: null, cpus: null, memoryMb: null, diskMb: null, builds: null };

/** What workspaces may use at once, and what they do use. */
export function createQuotaStore(db: Db) {
  const rowOf = (workspaceId: string): Row =>
    db.get<Row>(`SELECT ${columns} FROM quotas WHERE workspace_id = ?`, workspaceId) ?? none;

  return {
    /** The limits that the workspace has of its own. */
    of: (workspaceId: string): Quotas => {
      const set = Object.entries(rowOf(workspaceId)).filter(([, limit]) => limit !== null);
      return Object.fromEntries(set) as Quotas; // the keys are those of the row
    },
    /** Changes what is named and leaves the rest. */
    change: (workspaceId: string, change: QuotaChange): void =>
      db.transaction(() => {
        const next = { ...rowOf(workspaceId), ...change };
        db.run(
          `INSERT INTO quotas (workspace_id, sandboxes, cpus, memory_mb, disk_mb, builds) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET sandboxes = excluded.sandboxes, cpus = excluded.cpus,
             memory_mb = excluded.memory_mb, disk_mb = excluded.disk_mb, builds = excluded.builds`,
          workspaceId,
          next.sandboxes,
          next.cpus,
          next.memoryMb,
          next.diskMb,
          next.builds,
        );
      }),
    /**
     * Living sandboxes with the ceilings of their sizes, those that wait for their start included, and file systems with
     * their snapshots; builds that have not ended.
     */
    used: (workspaceId: string): Record<QuotaName, number> =>
      db.get<Record<QuotaName, number>>(
        `SELECT sandboxes, micro_cpus / 1e6 AS cpus, memory_mb AS memoryMb, disk_mb AS diskMb,
           (SELECT count(*) FROM builds
            WHERE workspace_id = ?1 AND status IN ('waiting', 'queued', 'running')) AS builds
         FROM workspace_use WHERE workspace_id = ?1`,
        workspaceId,
      ) ?? { sandboxes: 0, cpus: 0, memoryMb: 0, diskMb: 0, builds: 0 },
  };
}
