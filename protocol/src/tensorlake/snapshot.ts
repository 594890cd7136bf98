/** Snapshots of sandboxes in the Tensorlake dialect (wire 1.5). Field names are the wire's. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { lifecyclePaths, namespaceParams } from './lifecycle-path.ts';
import { sandboxInfo, snapshotType } from './sandbox.ts';

/**
 * `local_ready`: safe on this server, and sandboxes can start from it. `completed`: unpacked as well, which proves it
 * whole.
 */
export const snapshotStatus = z.enum(['in_progress', 'local_ready', 'completed', 'failed']);
export type SnapshotStatus = z.output<typeof snapshotStatus>;

export const createSnapshotBody = z
  .object({
    snapshot_type: snapshotType.nullish(),
    /** The spelling of older clients. */
    snapshot_content_mode: z.enum(['full', 'filesystem_only']).nullish(),
  })
  .optional();
export type CreateSnapshotBody = z.output<typeof createSnapshotBody>;

export const snapshotInfo = z.object({
  id: z.string(),
  namespace: z.string(),
  /** The sandbox that it was taken of. */
  sandbox_id: z.string(),
  base_image: z.string().optional(),
  status: snapshotStatus,
  /** Why it failed. */
  error: z.string().optional(),
  snapshot_uri: z.string().optional(),
  /** What it adds to the base image, as it is stored; of one of memory, with its checkpoint. */
  size_bytes: z.number().optional(),
  /** All of its files, the base image's included, unpacked. */
  rootfs_disk_bytes: z.number().optional(),
  snapshot_type: snapshotType,
  created_at: z.number().optional(),
  /** Of this server: the snapshot that the sandbox itself had come from. */
  origin_snapshot_id: z.string().optional(),
});
export type SnapshotInfo = z.output<typeof snapshotInfo>;

const sandboxParams = namespaceParams.extend({ id: z.string() });
const snapshotParams = namespaceParams.extend({ id: z.string() });
const tag = 'Snapshots';

export const createSnapshot = defineRoute({
  id: 'createSnapshot',
  method: 'POST',
  paths: lifecyclePaths('/sandboxes/{id}/snapshot'),
  summary: 'Take a snapshot of a sandbox that runs or is suspended; without a type one of its files',
  tag,
  access: 'member',
  params: sandboxParams,
  body: createSnapshotBody,
  response: z.object({ snapshot_id: z.string(), status: snapshotStatus }),
  status: 202,
  errors: ['sandbox_not_found', 'invalid_state', 'conflict', 'unsupported', 'host_out_of_disk'],
});

export const listSnapshots = defineRoute({
  id: 'listSnapshots',
  method: 'GET',
  paths: lifecyclePaths('/snapshots'),
  summary: 'List the snapshots of a workspace, newest first',
  tag,
  access: 'viewer',
  params: namespaceParams,
  response: z.object({ snapshots: z.array(snapshotInfo) }),
  status: 200,
  errors: [],
});

export const listSandboxSnapshots = defineRoute({
  id: 'listSandboxSnapshots',
  method: 'GET',
  paths: lifecyclePaths('/sandboxes/{id}/snapshots'),
  summary: 'List the snapshots that were taken of a sandbox, newest first',
  tag,
  access: 'viewer',
  params: sandboxParams,
  response: z.object({ snapshots: z.array(snapshotInfo) }),
  status: 200,
  errors: ['sandbox_not_found'],
});

export const getSnapshot = defineRoute({
  id: 'getSnapshot',
  method: 'GET',
  paths: lifecyclePaths('/snapshots/{id}'),
  summary: 'One snapshot',
  tag,
  access: 'viewer',
  params: snapshotParams,
  response: snapshotInfo,
  status: 200,
  errors: ['snapshot_not_found'],
});

export const deleteSnapshot = defineRoute({
  id: 'deleteSnapshot',
  method: 'DELETE',
  paths: lifecyclePaths('/snapshots/{id}'),
  summary: 'Delete a snapshot; sandboxes and images that come from it stay, and keep its files until they go',
  tag,
  access: 'member',
  params: snapshotParams,
  status: 200,
  errors: ['snapshot_not_found', 'conflict'],
});

export const rollbackSandboxBody = z.object({
  snapshot_id: z.string(),
  /** `filesystem`: of a memory snapshot, to its files alone. */
  snapshot_type: snapshotType.optional(),
});
export type RollbackSandboxBody = z.output<typeof rollbackSandboxBody>;

export const rollbackSandbox = defineRoute({
  id: 'rollbackSandbox',
  method: 'POST',
  paths: lifecyclePaths('/sandboxes/{id}/rollback'),
  summary: 'Start a sandbox again from a snapshot, under the same id and name; what it did since is lost',
  tag,
  access: 'member',
  params: sandboxParams,
  body: rollbackSandboxBody,
  response: sandboxInfo,
  status: 200,
  errors: [
    'sandbox_not_found',
    'snapshot_not_found',
    'invalid_state',
    'conflict',
    'invalid_request',
    'invalid_resources',
    'checkpoint_unusable',
    'unsupported',
    'host_out_of_memory',
    'host_out_of_disk',
    'too_busy',
    'start_failed',
  ],
});
