import { ApiError } from '@atoll/protocol';
import type { Db } from '../store/db.ts';
import type { VolumeMount } from '../store/volume-mount.ts';

/** `creating`: its files are being made or copied; nothing can use it yet. */
export type VolumeStatus = 'creating' | 'ready';

/** A volume as the server knows it. Times are epoch milliseconds. */
export interface VolumeRecord {
  id: string;
  workspaceId: string;
  name: string;
  description?: string;
  labels: Readonly<Record<string, string>>;
  sizeMb: number;
  status: VolumeStatus;
  /** The snapshot that it was made of. */
  originSnapshotId?: string;
  /** The version of a template that it was made of, as NAME:VERSION. */
  template?: string;
  /** What another system calls it. */
  externalId?: string;
  /** Any number of sandboxes write to it at once. */
  isShared?: true;
  createdAt: number;
  updatedAt: number;
}

/** A volume as it was once. */
export interface VolumeSnapshotRecord {
  id: string;
  workspaceId: string;
  volumeId: string;
  /** What the volume was called then. */
  volumeName: string;
  /** Which one of a template's: of one that is no volume. */
  version?: string;
  description?: string;
  sizeMb: number;
  status: VolumeStatus;
  createdAt: number;
}

/** A sandbox that has a volume. */
export interface VolumeAttachment {
  sandboxId: string;
  mountPath: string;
  isReadonly: boolean;
  snapshotId?: string;
}

interface VolumeRow {
  id: string;
  workspace_id: string;
  name: string;
  description: string | null;
  labels: string;
  size_mb: number;
  status: VolumeStatus;
  origin_snapshot_id: string | null;
  template: string | null;
  external_id: string | null;
  shared: number;
  created_at: number;
  updated_at: number;
}

interface SnapshotRow {
  id: string;
  workspace_id: string;
  volume_id: string;
  volume_name: string;
  version: string | null;
  description: string | null;
  size_mb: number;
  status: VolumeStatus;
  created_at: number;
}

interface AttachmentRow {
  sandbox_id: string;
  mount_path: string;
  read_only: number;
  snapshot_id: string | null;
}

/** Which volumes of a workspace; `isShared` absent: both kinds. */
export interface VolumePage {
  after?: string;
  limit?: number;
  isShared?: boolean;
}

const whereShared = (isShared: boolean | undefined): string =>
  isShared === undefined ? '' : ` AND shared = ${isShared ? 1 : 0}`;

export type VolumeRecords = ReturnType<typeof createVolumeRecords>;

/** The rows of volumes, their snapshots and who has them. All synchronous, so that callers can join one transaction. */
export function createVolumeRecords(db: Db) {
  const volumes = (sql: string, ...params: (string | number)[]): VolumeRecord[] =>
    db.all<VolumeRow>(`SELECT * FROM volumes ${sql}`, ...params).map(toVolume);
  const snapshots = (sql: string, ...params: (string | number)[]): VolumeSnapshotRecord[] =>
    db.all<SnapshotRow>(`SELECT * FROM volume_snapshots ${sql}`, ...params).map(toSnapshot);
  const attachments = (column: 'volume_id' | 'snapshot_id', id: string): VolumeAttachment[] =>
    db
      .all<AttachmentRow>(
        `SELECT * FROM volume_attachments WHERE ${column} = ? ORDER BY sandbox_id, mount_path`,
        id,
      )
      .map(toAttachment);
  const countOf = (table: 'volumes' | 'volume_snapshots', workspaceId: string, and = ''): number =>
    db.get<{ count: number }>(
      `SELECT count(*) AS count FROM ${table} WHERE workspace_id = ?${and}`,
      workspaceId,
    )?.count ?? 0;
  return {
    transaction: db.transaction,
    insert: (volume: VolumeRecord): void => insertVolume(db, volume),
    /** By id, else by name. */
    find: (workspaceId: string, identifier: string): VolumeRecord | undefined =>
      volumes('WHERE workspace_id = ? AND id = ?', workspaceId, identifier)[0] ??
      volumes('WHERE workspace_id = ? AND name = ?', workspaceId, identifier)[0],
    /** The newest of those that another system calls so. */
    findByExternalId: (
      workspaceId: string,
      externalId: string,
      isShared: boolean,
    ): VolumeRecord | undefined =>
      volumes(
        `WHERE workspace_id = ? AND external_id = ?${whereShared(isShared)} ORDER BY created_at DESC, id DESC LIMIT 1`,
        workspaceId,
        externalId,
      )[0],
    /** By name; everything behind `after`, at most `limit`. */
    list: (workspaceId: string, { after = '', limit = -1, isShared }: VolumePage = {}) =>
      volumes(
        `WHERE workspace_id = ? AND name > ?${whereShared(isShared)} ORDER BY name LIMIT ?`,
        workspaceId,
        after,
        limit,
      ),
    count: (workspaceId: string, isShared?: boolean): number =>
      countOf('volumes', workspaceId, whereShared(isShared)),
    all: (): VolumeRecord[] => volumes(''),
    settle: (id: string): boolean =>
      db.run(`UPDATE volumes SET status = 'ready' WHERE id = ? AND status = 'creating'`, id) === 1,
    update: (volume: VolumeRecord): void =>
      void db.run(
        `UPDATE volumes SET name = ?, description = ?, labels = ?, size_mb = ?, external_id = ?, updated_at = ?
         WHERE id = ?`,
        volume.name,
        volume.description ?? null,
        JSON.stringify(volume.labels),
        volume.sizeMb,
        volume.externalId ?? null,
        volume.updatedAt,
        volume.id,
      ),
    remove: (id: string): void => void db.run('DELETE FROM volumes WHERE id = ?', id),

    insertSnapshot: (snapshot: VolumeSnapshotRecord): void => insertSnapshot(db, snapshot),
    findSnapshot: (workspaceId: string, id: string): VolumeSnapshotRecord | undefined =>
      snapshots('WHERE workspace_id = ? AND id = ?', workspaceId, id)[0],
    /** Newest first; also of a volume that is gone. */
    listSnapshots: (workspaceId: string, volumeId: string): VolumeSnapshotRecord[] =>
      snapshots(
        'WHERE workspace_id = ? AND volume_id = ? ORDER BY created_at DESC, id DESC',
        workspaceId,
        volumeId,
      ),
    countSnapshots: (workspaceId: string): number => countOf('volume_snapshots', workspaceId),
    allSnapshots: (): VolumeSnapshotRecord[] => snapshots(''),
    settleSnapshot: (id: string): boolean =>
      db.run(`UPDATE volume_snapshots SET status = 'ready' WHERE id = ? AND status = 'creating'`, id) === 1,
    removeSnapshot: (id: string): void => void db.run('DELETE FROM volume_snapshots WHERE id = ?', id),

    attachmentsOf: (volumeId: string): VolumeAttachment[] => attachments('volume_id', volumeId),
    attachmentsOfSnapshot: (snapshotId: string): VolumeAttachment[] => attachments('snapshot_id', snapshotId),
    attach: (sandboxId: string, mount: VolumeMount): void => attach(db, sandboxId, mount),
    detach: (sandboxId: string, mountPath: string): void =>
      void db.run(
        'DELETE FROM volume_attachments WHERE sandbox_id = ? AND mount_path = ?',
        sandboxId,
        mountPath,
      ),
    detachAll: (sandboxId: string): void =>
      void db.run('DELETE FROM volume_attachments WHERE sandbox_id = ?', sandboxId),
  };
}

/**
 * One sandbox that writes, or any number that read; of a shared volume anybody does either. Snapshots never change, so they
 * have readers alone.
 */
function attach(db: Db, sandboxId: string, mount: VolumeMount): void {
  if (!mount.isShared) requireFree(db, mount);
  db.run(
    `INSERT INTO volume_attachments (sandbox_id, mount_path, volume_id, snapshot_id, read_only, shared)
     VALUES (?, ?, ?, ?, ?, ?)`,
    sandboxId,
    mount.mountPath,
    mount.volumeId,
    mount.snapshotId ?? null,
    mount.isReadonly ? 1 : 0,
    mount.isShared ? 1 : 0,
  );
}

function requireFree(db: Db, mount: VolumeMount): void {
  const conflicting = db.get<{ sandbox_id: string; read_only: number }>(
    `SELECT sandbox_id, read_only FROM volume_attachments
     WHERE volume_id = ? AND snapshot_id IS NULL AND (read_only = 0 OR ? = 0) LIMIT 1`,
    mount.volumeId,
    mount.isReadonly ? 1 : 0,
  );
  if (conflicting && mount.snapshotId === undefined) {
    const verb = conflicting.read_only === 0 ? 'writes' : 'reads';
    throw new ApiError('volume_in_use', `sandbox ${conflicting.sandbox_id} ${verb} volume ${mount.name}`);
  }
}

function insertVolume(db: Db, volume: VolumeRecord): void {
  db.run(
    `INSERT INTO volumes (id, workspace_id, name, description, labels, size_mb, status, origin_snapshot_id, template,
       external_id, shared, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    volume.id,
    volume.workspaceId,
    volume.name,
    volume.description ?? null,
    JSON.stringify(volume.labels),
    volume.sizeMb,
    volume.status,
    volume.originSnapshotId ?? null,
    volume.template ?? null,
    volume.externalId ?? null,
    volume.isShared ? 1 : 0,
    volume.createdAt,
    volume.updatedAt,
  );
}

function insertSnapshot(db: Db, snapshot: VolumeSnapshotRecord): void {
  db.run(
    `INSERT INTO volume_snapshots (id, workspace_id, volume_id, volume_name, version, description, size_mb, status,
       created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    snapshot.id,
    snapshot.workspaceId,
    snapshot.volumeId,
    snapshot.volumeName,
    snapshot.version ?? null,
    snapshot.description ?? null,
    snapshot.sizeMb,
    snapshot.status,
    snapshot.createdAt,
  );
}

const toVolume = (row: VolumeRow): VolumeRecord => ({
  id: row.id,
  workspaceId: row.workspace_id,
  name: row.name,
  // Written by this module alone, so its shape is known.
  labels: JSON.parse(row.labels) as Record<string, string>,
  sizeMb: row.size_mb,
  status: row.status,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  ...(row.description !== null && { description: row.description }),
  ...(row.origin_snapshot_id !== null && { originSnapshotId: row.origin_snapshot_id }),
  ...(row.template !== null && { template: row.template }),
  ...(row.external_id !== null && { externalId: row.external_id }),
  ...(row.shared === 1 && { isShared: true as const }),
});

const toSnapshot = (row: SnapshotRow): VolumeSnapshotRecord => ({
  id: row.id,
  workspaceId: row.workspace_id,
  volumeId: row.volume_id,
  volumeName: row.volume_name,
  sizeMb: row.size_mb,
  status: row.status,
  createdAt: row.created_at,
  ...(row.description !== null && { description: row.description }),
  ...(row.version !== null && { version: row.version }),
});

const toAttachment = (row: AttachmentRow): VolumeAttachment => ({
  sandboxId: row.sandbox_id,
  mountPath: row.mount_path,
  isReadonly: row.read_only === 1,
  ...(row.snapshot_id !== null && { snapshotId: row.snapshot_id }),
});
