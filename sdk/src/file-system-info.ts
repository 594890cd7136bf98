import type {
  FileSystemInfo as WireFileSystem,
  FileSystemSnapshotInfo as WireSnapshot,
  SandboxInfo as WireSandbox,
} from '@atoll/protocol';
import { withoutUndefined } from './without-undefined.ts';

/** A file system in a sandbox, from its create to its end. */
export interface FileSystemMount {
  /** Its id, or its name. */
  fileSystemId: string;
  /** An absolute path of its own, such as `/mnt/skills`. */
  mountPath: string;
  /** One sandbox writes to a file system, or any number read it. */
  readOnly?: boolean;
  /** The file system as it was when this snapshot was taken; always read-only. */
  snapshotId?: string;
}

/** A file system that outlives sandboxes. */
export interface FileSystem {
  id: string;
  name: string;
  description?: string;
  /** `creating`: its files are being made. */
  status: 'creating' | 'ready';
  /** What fits into it. */
  sizeMb: number;
  /** What it takes of the server's disk now. */
  usedBytes: number;
  labels: Record<string, string>;
  /** The snapshot that it was made of. */
  originSnapshotId?: string;
  /** The sandboxes that have it. */
  attachedTo: { sandboxId: string; mountPath: string; readOnly: boolean; snapshotId?: string }[];
  createdAt: Date;
  updatedAt: Date;
}

/** A file system as it was once. */
export interface FileSystemSnapshot {
  id: string;
  fileSystemId: string;
  /** What the file system was called then. */
  fileSystemName: string;
  description?: string;
  status: 'creating' | 'ready';
  sizeMb: number;
  createdAt: Date;
}

/** What a new file system is. */
export interface CreateFileSystemOptions {
  /** Letters, digits, `.` and `-`, at most 63. */
  name: string;
  description?: string;
  labels?: Record<string, string>;
  /** Default 10240; it takes room as it is filled. */
  sizeMb?: number;
  /** Begin with what a snapshot of a file system holds. */
  snapshotId?: string;
}

/** What to change; absent fields stay. Sizes only grow, and only while no sandbox has the file system. */
export type UpdateFileSystemOptions = Partial<Omit<CreateFileSystemOptions, 'snapshotId'>>;

export const toFileSystemBody = (options: UpdateFileSystemOptions & { snapshotId?: string }) =>
  withoutUndefined({
    name: options.name,
    description: options.description,
    labels: options.labels,
    size_mb: options.sizeMb,
    snapshot_id: options.snapshotId,
  });

export const toFileSystem = (wire: WireFileSystem): FileSystem =>
  withoutUndefined({
    id: wire.id,
    name: wire.name,
    description: wire.description,
    status: wire.status,
    sizeMb: wire.size_mb,
    usedBytes: wire.used_bytes,
    labels: wire.labels,
    originSnapshotId: wire.origin_snapshot_id,
    attachedTo: wire.attached_to.map((attached) =>
      withoutUndefined({
        sandboxId: attached.sandbox_id,
        mountPath: attached.mount_path,
        readOnly: attached.read_only,
        snapshotId: attached.snapshot_id,
      }),
    ),
    createdAt: new Date(wire.created_at),
    updatedAt: new Date(wire.updated_at),
  });

export const toFileSystemSnapshot = (wire: WireSnapshot): FileSystemSnapshot =>
  withoutUndefined({
    id: wire.id,
    fileSystemId: wire.file_system_id,
    fileSystemName: wire.file_system_name,
    description: wire.description,
    status: wire.status,
    sizeMb: wire.size_mb,
    createdAt: new Date(wire.created_at),
  });

export const toMount = (wire: WireSandbox['file_systems'][number]): FileSystemMount =>
  withoutUndefined({
    fileSystemId: wire.file_system_id,
    mountPath: wire.mount_path,
    readOnly: wire.read_only,
    snapshotId: wire.snapshot_id,
  });

export const toMountBody = (mount: FileSystemMount) =>
  withoutUndefined({
    file_system_id: mount.fileSystemId,
    mount_path: mount.mountPath,
    read_only: mount.readOnly,
    snapshot_id: mount.snapshotId,
  });
