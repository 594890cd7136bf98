/** Volumes of the Blaxel dialect (blaxel wire 1.9), which the Tensorlake dialect calls file systems. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel volumes';

/** What is read-only is left aside: clients send back what they were given, as a whole. */
export const blaxelVolumeBody = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string().max(63).nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
    externalId: z.string().max(64).nullish(),
  }),
  spec: z.looseObject({
    /** In MB. */
    size: z.number().int().nullish(),
    /** What a new one begins with: NAME or NAME:VERSION. */
    template: z.string().max(200).nullish(),
  }),
});
export type BlaxelVolumeBody = z.output<typeof blaxelVolumeBody>;

export const blaxelVolume = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string(),
    workspace: z.string(),
    labels: z.record(z.string(), z.string()),
    externalId: z.string().optional(),
    createdAt: z.string(),
    updatedAt: z.string(),
  }),
  spec: z.object({ size: z.number(), template: z.string().optional() }),
  state: z.object({ attachedTo: z.string().optional() }),
  status: z.enum(['DEPLOYING', 'DEPLOYED', 'DELETING']),
});
export type BlaxelVolume = z.output<typeof blaxelVolume>;

const params = z.object({ name: z.string() });
const workspaceQuery = { workspace: z.string().optional() };

export const listBlaxelVolumes = defineRoute({
  id: 'listBlaxelVolumes',
  method: 'GET',
  paths: ['/v0/volumes'],
  summary: 'The volumes of a workspace: an array, or from version 2026-04-28 on a page',
  tag,
  access: 'viewer',
  query: z.looseObject({
    cursor: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(200).optional(),
    ...workspaceQuery,
  }),
  response: z.union([
    z.array(blaxelVolume),
    z.object({
      data: z.array(blaxelVolume),
      meta: z.object({ hasMore: z.boolean(), nextCursor: z.string().optional(), total: z.number() }),
    }),
  ]),
  status: 200,
  errors: ['invalid_request'],
});

export const createBlaxelVolume = defineRoute({
  id: 'createBlaxelVolume',
  method: 'POST',
  paths: ['/v0/volumes'],
  summary: 'Make a volume, which outlives the sandboxes that have it',
  tag,
  access: 'member',
  query: z.object(workspaceQuery),
  body: blaxelVolumeBody,
  response: blaxelVolume,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_name',
    'invalid_resources',
    'limit_exceeded',
    'unsupported',
    'name_taken',
    'quota_exceeded',
    'volume_template_not_found',
  ],
});

export const getBlaxelVolume = defineRoute({
  id: 'getBlaxelVolume',
  method: 'GET',
  paths: ['/v0/volumes/{name}'],
  summary: 'A volume',
  tag,
  access: 'viewer',
  params,
  query: z.object(workspaceQuery),
  response: blaxelVolume,
  status: 200,
  errors: ['volume_not_found'],
});

export const getBlaxelVolumeByExternalId = defineRoute({
  id: 'getBlaxelVolumeByExternalId',
  method: 'GET',
  paths: ['/v0/volumes/by-external-id/{externalId}'],
  summary: 'The newest volume that another system calls so',
  tag,
  access: 'viewer',
  params: z.object({ externalId: z.string() }),
  query: z.object(workspaceQuery),
  response: blaxelVolume,
  status: 200,
  errors: ['volume_not_found'],
});

export const replaceBlaxelVolume = defineRoute({
  id: 'replaceBlaxelVolume',
  method: 'PUT',
  paths: ['/v0/volumes/{name}'],
  summary: 'Change the labels of a volume, or its size, which only grows and only while no sandbox has it',
  tag,
  access: 'member',
  params,
  query: z.object(workspaceQuery),
  body: blaxelVolumeBody,
  response: blaxelVolume,
  status: 200,
  errors: ['invalid_request', 'invalid_resources', 'limit_exceeded', 'volume_not_found', 'volume_in_use'],
});

export const deleteBlaxelVolume = defineRoute({
  id: 'deleteBlaxelVolume',
  method: 'DELETE',
  paths: ['/v0/volumes/{name}'],
  summary: 'Delete a volume that no sandbox has, with all that it holds',
  tag,
  access: 'member',
  params,
  query: z.object(workspaceQuery),
  response: blaxelVolume,
  status: 200,
  errors: ['volume_not_found', 'volume_in_use'],
});
