/** Drives of the Blaxel dialect (blaxel wire 1.9, 2.3): volumes that many sandboxes write at once, mounted while they run. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel volumes';

/** What is read-only is left aside: clients send back what they were given, as a whole. */
export const blaxelDriveBody = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string().max(63).nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
    externalId: z.string().max(64).nullish(),
  }),
  spec: z
    .looseObject({
      /** In MB: of older clients. */
      size: z.number().int().nullish(),
      permissions: z.array(z.unknown()).nullish(),
    })
    .nullish(),
});
export type BlaxelDriveBody = z.output<typeof blaxelDriveBody>;

export const blaxelDrive = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string(),
    workspace: z.string(),
    labels: z.record(z.string(), z.string()),
    externalId: z.string().optional(),
    createdAt: z.string(),
    updatedAt: z.string(),
  }),
  spec: z.object({ size: z.number() }),
  state: z.object({}),
  status: z.enum(['DEPLOYING', 'DEPLOYED', 'DELETING']),
});
export type BlaxelDrive = z.output<typeof blaxelDrive>;

const params = z.object({ name: z.string() });
const workspaceQuery = { workspace: z.string().optional() };

export const listBlaxelDrives = defineRoute({
  id: 'listBlaxelDrives',
  method: 'GET',
  paths: ['/v0/drives'],
  summary: 'The drives of a workspace: an array, or from version 2026-04-28 on a page',
  tag,
  access: 'viewer',
  query: z.looseObject({
    cursor: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(200).optional(),
    ...workspaceQuery,
  }),
  response: z.union([
    z.array(blaxelDrive),
    z.object({
      data: z.array(blaxelDrive),
      meta: z.object({ hasMore: z.boolean(), nextCursor: z.string().optional(), total: z.number() }),
    }),
  ]),
  status: 200,
  errors: ['invalid_request'],
});

export const createBlaxelDrive = defineRoute({
  id: 'createBlaxelDrive',
  method: 'POST',
  paths: ['/v0/drives'],
  summary: 'Make a drive',
  tag,
  access: 'member',
  query: z.object(workspaceQuery),
  body: blaxelDriveBody,
  response: blaxelDrive,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_name',
    'invalid_resources',
    'limit_exceeded',
    'unsupported',
    'name_taken',
    'quota_exceeded',
  ],
});

export const getBlaxelDrive = defineRoute({
  id: 'getBlaxelDrive',
  method: 'GET',
  paths: ['/v0/drives/{name}'],
  summary: 'A drive',
  tag,
  access: 'viewer',
  params,
  query: z.object(workspaceQuery),
  response: blaxelDrive,
  status: 200,
  errors: ['volume_not_found'],
});

export const getBlaxelDriveByExternalId = defineRoute({
  id: 'getBlaxelDriveByExternalId',
  method: 'GET',
  paths: ['/v0/drives/by-external-id/{externalId}'],
  summary: 'The newest drive that another system calls so',
  tag,
  access: 'viewer',
  params: z.object({ externalId: z.string() }),
  query: z.object(workspaceQuery),
  response: blaxelDrive,
  status: 200,
  errors: ['volume_not_found'],
});

export const replaceBlaxelDrive = defineRoute({
  id: 'replaceBlaxelDrive',
  method: 'PUT',
  paths: ['/v0/drives/{name}'],
  summary:
    'Change what a drive says of itself, or its size, which only grows and only while no sandbox has it',
  tag,
  access: 'member',
  params,
  query: z.object(workspaceQuery),
  body: blaxelDriveBody,
  response: blaxelDrive,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_resources',
    'limit_exceeded',
    'unsupported',
    'volume_not_found',
    'volume_in_use',
  ],
});

export const deleteBlaxelDrive = defineRoute({
  id: 'deleteBlaxelDrive',
  method: 'DELETE',
  paths: ['/v0/drives/{name}'],
  summary: 'Delete a drive that no sandbox has, with all that it holds',
  tag,
  access: 'member',
  params,
  query: z.object(workspaceQuery),
  response: blaxelDrive,
  status: 200,
  errors: ['volume_not_found', 'volume_in_use'],
});

const sandboxParams = z.object({ workspace: z.string(), name: z.string() });
const mount = z.object({
  driveName: z.string(),
  drivePath: z.string(),
  mountPath: z.string(),
  readOnly: z.boolean(),
});

export const listBlaxelDriveMounts = defineRoute({
  id: 'listBlaxelDriveMounts',
  method: 'GET',
  paths: ['/{workspace}/sandboxes/{name}/drives/mount'],
  summary: 'The drives that a sandbox has',
  tag,
  access: 'viewer',
  params: sandboxParams,
  response: z.object({ mounts: z.array(mount) }),
  status: 200,
  errors: ['sandbox_not_found'],
});

export const mountBlaxelDrive = defineRoute({
  id: 'mountBlaxelDrive',
  method: 'POST',
  paths: ['/{workspace}/sandboxes/{name}/drives/mount'],
  summary: 'Mount a drive in a sandbox, which is woken for it',
  tag,
  access: 'member',
  params: sandboxParams,
  body: z.object({
    driveName: z.string().min(1),
    mountPath: z.string().min(1),
    drivePath: z.string().nullish(),
    readOnly: z.boolean().nullish(),
    uidMap: z.string().nullish(),
    gidMap: z.string().nullish(),
  }),
  response: mount.extend({ success: z.literal(true), message: z.string() }),
  status: 200,
  errors: ['invalid_request', 'unsupported', 'sandbox_not_found', 'volume_not_found', 'conflict'],
});

export const unmountBlaxelDrive = defineRoute({
  id: 'unmountBlaxelDrive',
  method: 'DELETE',
  paths: ['/{workspace}/sandboxes/{name}/drives/mount/{mountPath}'],
  summary: 'Take a drive out of a sandbox in which nothing uses it; the path comes without its first slash',
  tag,
  access: 'member',
  params: sandboxParams.extend({ mountPath: z.string() }),
  response: z.object({ success: z.literal(true), message: z.string(), mountPath: z.string() }),
  status: 200,
  errors: ['sandbox_not_found', 'volume_not_found', 'volume_in_use', 'conflict'],
});
