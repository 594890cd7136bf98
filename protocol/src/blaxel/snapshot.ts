/** Snapshots of sandboxes and sandboxes that begin with one, in the Blaxel dialect (blaxel wire 1.5). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { blaxelName } from './sandbox.ts';

const tag = 'Blaxel snapshots';

const snapshotName = z.string().regex(/^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$/, {
  error: 'must have 1 to 63 letters, digits, ".", "_" and "-" between others',
});

export const blaxelSnapshot = z.object({
  id: z.string(),
  name: z.string(),
  sandboxName: z.string(),
  source: z.object({ name: z.string(), kind: z.literal('sandbox'), deleted: z.boolean() }),
  status: z.enum(['pending', 'ready', 'failed']),
  workspace: z.string(),
  createdAt: z.string(),
});
export type BlaxelSnapshot = z.output<typeof blaxelSnapshot>;

/** The CLI of the hosted service writes some of these in another way. */
const forkBody = z.looseObject({
  targetName: blaxelName.nullish(),
  target_name: blaxelName.nullish(),
  targetType: z.string().max(40).nullish(),
  type: z.string().max(40).nullish(),
  snapshotId: z.string().max(100).nullish(),
  snapshot_id: z.string().max(100).nullish(),
  envs: z
    .array(z.looseObject({ name: z.string().min(1).max(1024), value: z.string().max(1_000_000).nullish() }))
    .max(10_000)
    .nullish(),
});
export type BlaxelForkBody = z.output<typeof forkBody>;
const forkAnswer = z.object({
  name: z.string(),
  type: z.literal('sandbox'),
  snapshotId: z.string().optional(),
});

const sandboxParams = z.object({ name: z.string() });
const ownParams = sandboxParams.extend({ snapshot: z.string() });
const snapshotParams = z.object({ snapshot: z.string() });
const workspaceQuery = z.object({ workspace: z.string().optional() });
const taking = ['invalid_request', 'sandbox_not_found', 'conflict', 'invalid_state', 'unsupported'] as const;
const forking = [...taking, 'snapshot_not_found', 'name_taken', 'quota_exceeded', 'invalid_name'] as const;

export const listBlaxelSandboxSnapshots = defineRoute({
  id: 'listBlaxelSandboxSnapshots',
  method: 'GET',
  paths: ['/v0/sandboxes/{name}/snapshots'],
  summary: 'The snapshots of a sandbox: an array in every version',
  tag,
  access: 'viewer',
  params: sandboxParams,
  query: workspaceQuery,
  response: z.array(blaxelSnapshot),
  status: 200,
  errors: ['sandbox_not_found'],
});

export const createBlaxelSandboxSnapshot = defineRoute({
  id: 'createBlaxelSandboxSnapshot',
  method: 'POST',
  paths: ['/v0/sandboxes/{name}/snapshots'],
  summary: 'Keep what a sandbox is now',
  tag,
  access: 'member',
  params: sandboxParams,
  query: workspaceQuery,
  body: z.looseObject({ name: snapshotName.nullish() }),
  response: blaxelSnapshot,
  status: 200,
  errors: taking,
});

export const deleteBlaxelSandboxSnapshot = defineRoute({
  id: 'deleteBlaxelSandboxSnapshot',
  method: 'DELETE',
  paths: ['/v0/sandboxes/{name}/snapshots/{snapshot}'],
  summary: 'Delete a snapshot of a sandbox, by its name or id',
  tag,
  access: 'member',
  params: ownParams,
  query: workspaceQuery,
  response: blaxelSnapshot,
  status: 200,
  errors: ['sandbox_not_found', 'snapshot_not_found', 'conflict'],
});

export const restoreBlaxelSandboxSnapshot = defineRoute({
  id: 'restoreBlaxelSandboxSnapshot',
  method: 'POST',
  paths: ['/v0/sandboxes/{name}/snapshots/{snapshot}/restore'],
  summary: 'Have a sandbox be again what it was',
  tag,
  access: 'member',
  params: ownParams,
  query: workspaceQuery,
  response: z.object({ name: z.string(), snapshotId: z.string() }),
  status: 200,
  errors: ['sandbox_not_found', 'snapshot_not_found', 'conflict', 'unsupported'],
});

export const listBlaxelSnapshots = defineRoute({
  id: 'listBlaxelSnapshots',
  method: 'GET',
  paths: ['/v0/snapshots'],
  summary: 'The snapshots of the workspace',
  tag,
  access: 'viewer',
  query: z.looseObject({
    cursor: z.string().max(200).optional(),
    limit: z.coerce.number().int().min(1).max(200).optional(),
    workspace: z.string().optional(),
  }),
  response: z.union([
    z.array(blaxelSnapshot),
    z.object({
      data: z.array(blaxelSnapshot),
      meta: z.object({ hasMore: z.boolean(), nextCursor: z.string().optional(), total: z.number() }),
    }),
  ]),
  status: 200,
  errors: [],
});

export const createBlaxelSnapshot = defineRoute({
  id: 'createBlaxelSnapshot',
  method: 'POST',
  paths: ['/v0/snapshots'],
  summary: 'Keep what a sandbox is now',
  tag,
  access: 'member',
  query: workspaceQuery,
  body: z.looseObject({
    name: snapshotName.nullish(),
    source: z.looseObject({ name: z.string(), kind: z.literal('sandbox').nullish() }),
  }),
  response: blaxelSnapshot,
  status: 200,
  errors: taking,
});

export const getBlaxelSnapshot = defineRoute({
  id: 'getBlaxelSnapshot',
  method: 'GET',
  paths: ['/v0/snapshots/{snapshot}'],
  summary: 'A snapshot, by its id',
  tag,
  access: 'viewer',
  params: snapshotParams,
  query: workspaceQuery,
  response: blaxelSnapshot,
  status: 200,
  errors: ['snapshot_not_found'],
});

export const deleteBlaxelSnapshot = defineRoute({
  id: 'deleteBlaxelSnapshot',
  method: 'DELETE',
  paths: ['/v0/snapshots/{snapshot}'],
  summary: 'Delete a snapshot; sandboxes that began with it go on',
  tag,
  access: 'member',
  params: snapshotParams,
  query: workspaceQuery,
  response: blaxelSnapshot,
  status: 200,
  errors: ['snapshot_not_found', 'conflict'],
});

export const forkBlaxelSnapshot = defineRoute({
  id: 'forkBlaxelSnapshot',
  method: 'POST',
  paths: ['/v0/snapshots/{snapshot}/fork'],
  summary: 'Make a sandbox that begins with a snapshot',
  tag,
  access: 'member',
  params: snapshotParams,
  query: workspaceQuery,
  body: forkBody,
  response: forkAnswer,
  status: 200,
  errors: forking,
});

export const forkBlaxelSandbox = defineRoute({
  id: 'forkBlaxelSandbox',
  method: 'POST',
  paths: ['/v0/sandboxes/{name}/fork'],
  summary: 'Make a sandbox that begins as another one is now, or with a snapshot of it',
  tag,
  access: 'member',
  params: sandboxParams,
  query: workspaceQuery,
  body: forkBody,
  response: forkAnswer,
  status: 200,
  errors: forking,
});
