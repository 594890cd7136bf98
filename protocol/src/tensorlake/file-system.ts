/** Volumes of a workspace in the Tensorlake dialect, which calls them file systems (wire 1.7). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { lifecyclePaths, namespaceParams } from './lifecycle-path.ts';
import { fileSystemMount, sandboxInfo } from './sandbox.ts';

const tag = 'File systems';

/** With organization and project in the path, or by the key alone. */
const scoped = (path: string) =>
  [`/platform/v1/organizations/{organization}/projects/{project}${path}`, `/platform/v1${path}`] as const;

const scopeParams = z.object({ organization: z.string().optional(), project: z.string().optional() });
const oneParams = scopeParams.extend({ id: z.string() });
const labels = z.record(z.string(), z.string());

export const fileSystemInfo = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  status: z.enum(['creating', 'ready']),
  /** What fits into it, and what it takes of the host's disk now. */
  size_mb: z.number(),
  used_bytes: z.number(),
  labels,
  origin_snapshot_id: z.string().optional(),
  /** Sandboxes that have it, asleep or not. */
  attached_to: z.array(
    z.object({
      sandbox_id: z.string(),
      mount_path: z.string(),
      read_only: z.boolean(),
      snapshot_id: z.string().optional(),
    }),
  ),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type FileSystemInfo = z.output<typeof fileSystemInfo>;

export const fileSystemSnapshotInfo = z.object({
  id: z.string(),
  file_system_id: z.string(),
  file_system_name: z.string(),
  description: z.string().optional(),
  status: z.enum(['creating', 'ready']),
  size_mb: z.number(),
  created_at: z.iso.datetime(),
});
export type FileSystemSnapshotInfo = z.output<typeof fileSystemSnapshotInfo>;

export const createFileSystemBody = z.object({
  name: z.string(),
  description: z.string().nullish(),
  labels: labels.nullish(),
  /** Absent: 10 GB. It takes room as it is filled. */
  size_mb: z.number().int().nullish(),
  /** Begin with what this snapshot of a file system holds. */
  snapshot_id: z.string().nullish(),
});
export type CreateFileSystemBody = z.output<typeof createFileSystemBody>;

export const createFileSystem = defineRoute({
  id: 'createFileSystem',
  method: 'POST',
  paths: scoped('/file-systems'),
  summary: 'Make a file system that outlives sandboxes, empty or from a snapshot of another',
  tag,
  access: 'member',
  params: scopeParams,
  body: createFileSystemBody,
  response: fileSystemInfo,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_name',
    'invalid_resources',
    'limit_exceeded',
    'name_taken',
    'quota_exceeded',
    'volume_snapshot_not_found',
    'invalid_state',
    'host_out_of_disk',
    'host_out_of_memory',
    'unsupported',
  ],
});

export const listFileSystems = defineRoute({
  id: 'listFileSystems',
  method: 'GET',
  paths: scoped('/file-systems'),
  summary: 'List the file systems of a workspace by name; everything unless a page size is given',
  tag,
  access: 'viewer',
  params: scopeParams,
  query: z.object({
    pageSize: z.coerce.number().int().min(1).max(1000).optional(),
    next: z.string().optional(),
  }),
  response: z.object({
    items: z.array(fileSystemInfo),
    pagination: z.object({ next: z.string().nullable(), prev: z.null(), total: z.number() }),
  }),
  status: 200,
  errors: ['invalid_request'],
});

export const getFileSystem = defineRoute({
  id: 'getFileSystem',
  method: 'GET',
  paths: scoped('/file-systems/{id}'),
  summary: 'One file system by id or name',
  tag,
  access: 'viewer',
  params: oneParams,
  response: fileSystemInfo,
  status: 200,
  errors: ['volume_not_found'],
});

export const updateFileSystem = defineRoute({
  id: 'updateFileSystem',
  method: 'PATCH',
  paths: scoped('/file-systems/{id}'),
  summary: 'Rename, describe or label a file system, or let it grow while no sandbox has it',
  tag,
  access: 'member',
  params: oneParams,
  body: z.object({
    name: z.string().optional(),
    description: z.string().optional(),
    labels: labels.optional(),
    size_mb: z.number().int().optional(),
  }),
  response: fileSystemInfo,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_name',
    'invalid_resources',
    'limit_exceeded',
    'name_taken',
    'volume_not_found',
    'volume_in_use',
    'invalid_state',
    'host_out_of_disk',
    'host_out_of_memory',
  ],
});

export const deleteFileSystem = defineRoute({
  id: 'deleteFileSystem',
  method: 'DELETE',
  paths: scoped('/file-systems/{id}'),
  summary: 'Delete a file system with all that it holds; refused while a sandbox has it',
  tag,
  access: 'member',
  params: oneParams,
  status: 204,
  errors: ['volume_not_found', 'volume_in_use', 'invalid_state'],
});

export const createFileSystemSnapshot = defineRoute({
  id: 'createFileSystemSnapshot',
  method: 'POST',
  paths: scoped('/file-systems/{id}/snapshots'),
  summary: 'Keep what a file system holds now; who writes to it waits meanwhile',
  tag,
  access: 'member',
  params: oneParams,
  body: z.object({ description: z.string().nullish() }),
  response: fileSystemSnapshotInfo,
  status: 200,
  errors: [
    'volume_not_found',
    'invalid_state',
    'limit_exceeded',
    'quota_exceeded',
    'conflict',
    'host_out_of_disk',
    'host_out_of_memory',
  ],
});

export const listFileSystemSnapshots = defineRoute({
  id: 'listFileSystemSnapshots',
  method: 'GET',
  paths: scoped('/file-systems/{id}/snapshots'),
  summary: 'List the snapshots of a file system, newest first; by its id also once it is deleted',
  tag,
  access: 'viewer',
  params: oneParams,
  response: z.object({ items: z.array(fileSystemSnapshotInfo) }),
  status: 200,
  errors: [],
});

export const getFileSystemSnapshot = defineRoute({
  id: 'getFileSystemSnapshot',
  method: 'GET',
  paths: scoped('/file-system-snapshots/{id}'),
  summary: 'One snapshot of a file system',
  tag,
  access: 'viewer',
  params: oneParams,
  response: fileSystemSnapshotInfo,
  status: 200,
  errors: ['volume_snapshot_not_found'],
});

export const deleteFileSystemSnapshot = defineRoute({
  id: 'deleteFileSystemSnapshot',
  method: 'DELETE',
  paths: scoped('/file-system-snapshots/{id}'),
  summary: 'Delete a snapshot of a file system; file systems that were made of it stay',
  tag,
  access: 'member',
  params: oneParams,
  status: 204,
  errors: ['volume_snapshot_not_found', 'volume_in_use', 'invalid_state'],
});

const sandboxParams = namespaceParams.extend({ id: z.string() });

export const attachFileSystem = defineRoute({
  id: 'attachFileSystem',
  method: 'POST',
  paths: lifecyclePaths('/sandboxes/{id}/file_systems'),
  summary: 'Mount a file system into a sandbox that runs; one that sleeps is woken',
  tag,
  access: 'member',
  params: sandboxParams,
  body: fileSystemMount,
  response: sandboxInfo,
  status: 200,
  errors: [
    'invalid_request',
    'limit_exceeded',
    'sandbox_not_found',
    'sandbox_not_running',
    'sandbox_ended',
    'volume_not_found',
    'volume_snapshot_not_found',
    'volume_in_use',
    'invalid_state',
    'conflict',
    'unsupported',
  ],
});

export const detachFileSystem = defineRoute({
  id: 'detachFileSystem',
  method: 'DELETE',
  paths: lifecyclePaths('/sandboxes/{id}/file_systems'),
  summary: 'Take a file system out again that was attached; refused while a process uses it',
  tag,
  access: 'member',
  params: sandboxParams,
  body: z.object({ mount_path: z.string() }),
  response: sandboxInfo,
  status: 200,
  errors: [
    'sandbox_not_found',
    'sandbox_not_running',
    'sandbox_ended',
    'volume_not_found',
    'volume_in_use',
    'invalid_state',
    'conflict',
    'unsupported',
  ],
});
