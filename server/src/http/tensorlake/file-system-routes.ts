import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { VolumeSnapshotRecord } from '../../volume/volume-records.ts';
import type { VolumeInfo, Volumes } from '../../volume/volumes.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';

interface Parts {
  volumes: Volumes;
  sandboxes: Sandboxes;
}

/** Volumes in the Tensorlake dialect, which calls them file systems (wire 1.7). */
export function fileSystemRoutes({ volumes, sandboxes }: Parts): Binding[] {
  const workspaceOf = ({ caller }: RequestContext): string => caller.workspace.id;
  return [
    bind(routes.createFileSystem, async ({ body }, context) => {
      const { name, description, labels, size_mb: sizeMb, snapshot_id: snapshotId } = body;
      const made = await volumes.create(workspaceOf(context), {
        name,
        ...(description != null && { description }),
        ...(labels != null && { labels }),
        ...(sizeMb != null && { sizeMb }),
        ...(snapshotId != null && { snapshotId }),
      });
      context.target(made.id);
      return toFileSystem(made);
    }),
    bind(routes.listFileSystems, async ({ query }, context) => {
      const { pageSize, next } = query;
      const found = await volumes.list(workspaceOf(context), {
        ...(pageSize !== undefined && { limit: pageSize + 1 }),
        ...(next !== undefined && { after: next }),
      });
      const items = found.slice(0, pageSize);
      const last = found.length > items.length ? items.at(-1) : undefined;
      const total = volumes.count(workspaceOf(context));
      return { items: items.map(toFileSystem), pagination: { next: last?.name ?? null, prev: null, total } };
    }),
    bind(routes.getFileSystem, async ({ params }, context) =>
      toFileSystem(await volumes.get(workspaceOf(context), params.id)),
    ),
    bind(routes.updateFileSystem, async ({ params, body }, context) => {
      const { size_mb: sizeMb, name, description, labels } = body;
      const changed = await volumes.update(workspaceOf(context), params.id, {
        ...(name !== undefined && { name }),
        ...(description !== undefined && { description }),
        ...(labels !== undefined && { labels }),
        ...(sizeMb !== undefined && { sizeMb }),
      });
      context.target(changed.id);
      return toFileSystem(changed);
    }),
    bind(routes.deleteFileSystem, async ({ params }, context) => {
      const { id } = await volumes.get(workspaceOf(context), params.id);
      context.target(id);
      await volumes.remove(workspaceOf(context), id);
    }),
    bind(routes.createFileSystemSnapshot, async ({ params, body }, context) => {
      const taken = await volumes.snapshot(workspaceOf(context), params.id, body.description ?? undefined);
      context.target(taken.id);
      return toSnapshot(taken);
    }),
    bind(routes.listFileSystemSnapshots, ({ params }, context) => ({
      items: volumes.listSnapshots(workspaceOf(context), params.id).map(toSnapshot),
    })),
    bind(routes.getFileSystemSnapshot, ({ params }, context) =>
      toSnapshot(volumes.getSnapshot(workspaceOf(context), params.id)),
    ),
    bind(routes.deleteFileSystemSnapshot, ({ params }, context) => {
      context.target(params.id);
      return volumes.removeSnapshot(workspaceOf(context), params.id);
    }),
    bind(routes.attachFileSystem, ({ params, body }, context) => {
      const { id } = sandboxes.get(workspaceOf(context), params.id);
      context.target(id);
      volumes.findReady(workspaceOf(context), body.file_system_id);
      throw onlyAtStart(id, 'Create a sandbox with the file system: `atoll sbx create -f NAME:/PATH`.');
    }),
    bind(routes.detachFileSystem, ({ params, body }, context) => {
      const record = sandboxes.get(workspaceOf(context), params.id);
      context.target(record.id);
      if (!record.volumes?.some(({ mountPath }) => mountPath === body.mount_path))
        throw new ApiError('volume_not_found', `sandbox ${record.id} has no file system at that path`);
      throw onlyAtStart(record.id, 'It is free again when the sandbox ends: `atoll sbx terminate`.');
    }),
  ];
}

/** Mounts of a sandbox are fixed when it starts: gVisor's file proxy, and a checkpoint, know those alone. */
const onlyAtStart = (id: string, hint: string): ApiError =>
  new ApiError('unsupported', `the file systems of sandbox ${id} are fixed since its start`, { hint });

const toFileSystem = (volume: VolumeInfo): routes.FileSystemInfo => ({
  id: volume.id,
  name: volume.name,
  status: volume.status,
  size_mb: volume.sizeMb,
  used_bytes: volume.usedBytes,
  labels: { ...volume.labels },
  attached_to: volume.attachments.map(({ sandboxId, mountPath, isReadonly, snapshotId }) => ({
    sandbox_id: sandboxId,
    mount_path: mountPath,
    read_only: isReadonly,
    ...(snapshotId !== undefined && { snapshot_id: snapshotId }),
  })),
  created_at: new Date(volume.createdAt).toISOString(),
  updated_at: new Date(volume.updatedAt).toISOString(),
  ...(volume.description !== undefined && { description: volume.description }),
  ...(volume.originSnapshotId !== undefined && { origin_snapshot_id: volume.originSnapshotId }),
});

const toSnapshot = (snapshot: VolumeSnapshotRecord): routes.FileSystemSnapshotInfo => ({
  id: snapshot.id,
  file_system_id: snapshot.volumeId,
  file_system_name: snapshot.volumeName,
  status: snapshot.status,
  size_mb: snapshot.sizeMb,
  created_at: new Date(snapshot.createdAt).toISOString(),
  ...(snapshot.description !== undefined && { description: snapshot.description }),
});
