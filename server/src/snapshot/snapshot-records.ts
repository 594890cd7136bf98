import type { ResourceLimits } from '../runtime/driver.ts';
import type { Db } from '../store/db.ts';

export const snapshotKinds = ['filesystem', 'memory'] as const;
export type SnapshotKind = (typeof snapshotKinds)[number];
/**
 * `local_ready`: it is safe on this host, and sandboxes can start from it. `completed`: its files were also unpacked,
 * which proves them whole and makes starts from them quick.
 */
export type SnapshotStatus = 'in_progress' | 'local_ready' | 'completed' | 'failed';

/** A snapshot as the server knows it. Times are epoch milliseconds. */
export interface SnapshotRecord {
  id: string;
  workspaceId: string;
  /** The sandbox that it was taken of. */
  sandboxId: string;
  sandboxName?: string;
  /** The snapshot that this sandbox had come from. */
  originSnapshotId?: string;
  kind: SnapshotKind;
  status: SnapshotStatus;
  error?: string;
  baseImage: string;
  baseManifestDigest: string;
  manifestDigest?: string;
  checkpointId?: string;
  /** The agent that runs in its memory. */
  agentDigest?: string;
  /** What a sandbox that starts from it has where it asks for nothing else. */
  limits: ResourceLimits;
  entrypoint?: string[];
  secretNames?: string[];
  /** What it adds to its base, as it is stored. */
  sizeBytes?: number;
  /** All of its files, unpacked. */
  rootfsDiskBytes?: number;
  createdAt: number;
}

/** The columns that change while a snapshot is made. */
export type SnapshotChange = Partial<
  Pick<
    SnapshotRecord,
    'status' | 'error' | 'manifestDigest' | 'checkpointId' | 'sizeBytes' | 'rootfsDiskBytes'
  >
>;

interface SnapshotRow {
  id: string;
  workspace_id: string;
  sandbox_id: string;
  sandbox_name: string | null;
  origin_snapshot_id: string | null;
  kind: SnapshotKind;
  status: SnapshotStatus;
  error: string | null;
  base_image: string;
  base_manifest_digest: string;
  manifest_digest: string | null;
  checkpoint_id: string | null;
  agent_digest: string | null;
  cpus: number;
  memory_mb: number;
  disk_mb: number;
  entrypoint: string | null;
  secret_names: string | null;
  size_bytes: number | null;
  rootfs_disk_bytes: number | null;
  created_at: number;
}

const columnOf = {
  status: 'status',
  error: 'error',
  manifestDigest: 'manifest_digest',
  checkpointId: 'checkpoint_id',
  sizeBytes: 'size_bytes',
  rootfsDiskBytes: 'rootfs_disk_bytes',
} as const satisfies Record<keyof SnapshotChange, string>;

export type SnapshotRecords = ReturnType<typeof createSnapshotRecords>;

/** The rows of snapshots. Every method is synchronous, so that callers can join them in one transaction. */
export function createSnapshotRecords(db: Db) {
  const many = (sql: string, ...params: (string | number)[]): SnapshotRecord[] =>
    db.all<SnapshotRow>(`SELECT * FROM snapshots ${sql}`, ...params).map(toRecord);
  return {
    insert: (record: SnapshotRecord): void => insert(db, record),
    byId: (workspaceId: string, id: string): SnapshotRecord | undefined =>
      many('WHERE workspace_id = ? AND id = ?', workspaceId, id)[0],
    /** Newest first. */
    list: (workspaceId: string): SnapshotRecord[] =>
      many('WHERE workspace_id = ? ORDER BY created_at DESC, id DESC', workspaceId),
    /** Those of one sandbox, newest first. */
    listOf: (workspaceId: string, sandboxId: string): SnapshotRecord[] =>
      many(
        'WHERE workspace_id = ? AND sandbox_id = ? ORDER BY created_at DESC, id DESC',
        workspaceId,
        sandboxId,
      ),
    /** Those that an earlier process may have left half done. */
    unsettled: (): SnapshotRecord[] => many(`WHERE status IN ('in_progress', 'local_ready')`),
    /** Writes what was found, unless the status has changed meanwhile or the snapshot is gone. */
    change: (id: string, from: SnapshotStatus, change: SnapshotChange): boolean => {
      // The keys of a change are those of columnOf.
      const columns = Object.keys(change).map((key) => columnOf[key as keyof SnapshotChange]);
      return (
        db.run(
          `UPDATE snapshots SET ${columns.map((column) => `${column} = ?`).join(', ')} WHERE id = ? AND status = ?`,
          ...Object.values(change),
          id,
          from,
        ) === 1
      );
    },
    remove: (id: string): void => void db.run('DELETE FROM snapshots WHERE id = ?', id),
  };
}

function insert(db: Db, record: SnapshotRecord): void {
  db.run(
    `INSERT INTO snapshots (id, workspace_id, sandbox_id, sandbox_name, origin_snapshot_id, kind, status, base_image,
       base_manifest_digest, cpus, memory_mb, disk_mb, entrypoint, secret_names, created_at, agent_digest)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    record.id,
    record.workspaceId,
    record.sandboxId,
    record.sandboxName ?? null,
    record.originSnapshotId ?? null,
    record.kind,
    record.status,
    record.baseImage,
    record.baseManifestDigest,
    record.limits.cpus,
    record.limits.memoryMb,
    record.limits.diskMb,
    record.entrypoint ? JSON.stringify(record.entrypoint) : null,
    record.secretNames ? JSON.stringify(record.secretNames) : null,
    record.createdAt,
    record.agentDigest ?? null,
  );
}

function toRecord(row: SnapshotRow): SnapshotRecord {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    sandboxId: row.sandbox_id,
    kind: row.kind,
    status: row.status,
    baseImage: row.base_image,
    baseManifestDigest: row.base_manifest_digest,
    limits: { cpus: row.cpus, memoryMb: row.memory_mb, diskMb: row.disk_mb },
    createdAt: row.created_at,
    ...(row.sandbox_name !== null && { sandboxName: row.sandbox_name }),
    ...(row.origin_snapshot_id !== null && { originSnapshotId: row.origin_snapshot_id }),
    ...(row.error !== null && { error: row.error }),
    ...(row.manifest_digest !== null && { manifestDigest: row.manifest_digest }),
    ...(row.checkpoint_id !== null && { checkpointId: row.checkpoint_id }),
    ...(row.agent_digest !== null && { agentDigest: row.agent_digest }),
    // Written by this module alone, so their shape is known.
    ...(row.entrypoint !== null && { entrypoint: JSON.parse(row.entrypoint) as string[] }),
    ...(row.secret_names !== null && { secretNames: JSON.parse(row.secret_names) as string[] }),
    ...(row.size_bytes !== null && { sizeBytes: row.size_bytes }),
    ...(row.rootfs_disk_bytes !== null && { rootfsDiskBytes: row.rootfs_disk_bytes }),
  };
}
