import * as routes from '@atoll/protocol';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { VolumeSnapshotRecord } from '../../volume/volume-records.ts';
import type { VolumeInfo, Volumes } from '../../volume/volumes.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { toVolumeMount } from './sandbox-request.ts';
import type { SandboxView } from './sandbox-routes.ts';

interface Parts {
  volumes: Volumes;
  sandboxes: Sandboxes;
  show: SandboxView;
}

/** Volumes in the Tensorlake dialect, which calls them file systems (wire 1.7). */
export function fileSystemRoutes({ volumes, sandboxes, show }: Parts): Binding[] {
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
    bind(routes.attachFileSystem, async ({ params, body }, context) => {
      const { id } = sandboxes.get(workspaceOf(context), params.id);
      context.target(id);
      return show(await sandboxes.attachVolume(workspaceOf(context), id, toVolumeMount(body)), context);
    }),
    bind(routes.detachFileSystem, async ({ params, body }, context) => {
      const { id } = sandboxes.get(workspaceOf(context), params.id);
      context.target(id);
      return show(await sandboxes.detachVolume(workspaceOf(context), id, body.mount_path), context);
    }),
  ];
}

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
