import type { CreateSnapshotBody, SnapshotInfo } from '@atoll/protocol';
import type { SnapshotKind, SnapshotRecord } from '../../snapshot/snapshot-records.ts';

/** Which kind a client asks for; files alone unless it says otherwise. */
export function kindOf(body: CreateSnapshotBody): SnapshotKind {
  if (body?.snapshot_type != null) return body.snapshot_type;
  return body?.snapshot_content_mode === 'full' ? 'memory' : 'filesystem';
}

/** A snapshot in the words of the Tensorlake wire (1.5). */
export function toSnapshotInfo(record: SnapshotRecord, namespace: string): SnapshotInfo {
  const isThere = record.status === 'local_ready' || record.status === 'completed';
  return {
    id: record.id,
    namespace,
    sandbox_id: record.sandboxId,
    base_image: record.baseImage,
    status: record.status,
    snapshot_type: record.kind,
    created_at: record.createdAt,
    ...(isThere && { snapshot_uri: `atoll://snapshots/${record.id}` }),
    ...(record.error !== undefined && { error: record.error }),
    ...(record.sizeBytes !== undefined && { size_bytes: record.sizeBytes }),
    ...(record.rootfsDiskBytes !== undefined && { rootfs_disk_bytes: record.rootfsDiskBytes }),
    ...(record.originSnapshotId !== undefined && { origin_snapshot_id: record.originSnapshotId }),
  };
}
