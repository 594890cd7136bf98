/** Files that volumes begin with (blaxel wire 1.9): uploaded in versions, as images are. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel volumes';

/** What is read-only is left aside: clients send back what they were given, as a whole. */
export const blaxelVolumeTemplateBody = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string().max(63).nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
  spec: z
    .looseObject({
      /** In MB. */
      defaultSize: z.number().int().nullish(),
      description: z.string().nullish(),
    })
    .nullish(),
});
export type BlaxelVolumeTemplateBody = z.output<typeof blaxelVolumeTemplateBody>;

export const blaxelVolumeTemplate = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string(),
    workspace: z.string(),
    labels: z.record(z.string(), z.string()),
    createdAt: z.string(),
    updatedAt: z.string(),
  }),
  spec: z.object({ defaultSize: z.number(), description: z.string().optional() }),
  state: z.object({
    status: z.enum(['created', 'ready', 'error']),
    /** Why the last upload made no version. */
    error: z.string().optional(),
    latestVersion: z.string().optional(),
    lastVersionUploadedAt: z.string().optional(),
    versionCount: z.number(),
  }),
  /** Newest first. */
  versions: z.array(
    z.object({
      name: z.string(),
      templateName: z.string(),
      workspace: z.string(),
      versionId: z.string(),
      /** In bytes. */
      contentSize: z.number(),
      status: z.enum(['CREATED', 'READY']),
    }),
  ),
});
export type BlaxelVolumeTemplate = z.output<typeof blaxelVolumeTemplate>;

const params = z.object({ name: z.string() });
const workspaceQuery = { workspace: z.string().optional() };
/** With `upload`, the answer says in `x-blaxel-upload-url` where to send a version. */
const uploadQuery = z.object({
  upload: z.enum(['true', 'false']).optional(),
  /** What to call it; `latest` always means the newest. */
  version: z
    .string()
    .regex(/^(?!latest$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
    .optional(),
  ...workspaceQuery,
});

export const listBlaxelVolumeTemplates = defineRoute({
  id: 'listBlaxelVolumeTemplates',
  method: 'GET',
  paths: ['/v0/volume_templates'],
  summary: 'The volume templates of a workspace',
  tag,
  access: 'viewer',
  query: z.object(workspaceQuery),
  response: z.array(blaxelVolumeTemplate),
  status: 200,
  errors: [],
});

export const createBlaxelVolumeTemplate = defineRoute({
  id: 'createBlaxelVolumeTemplate',
  method: 'POST',
  paths: ['/v0/volume_templates'],
  summary:
    'Make a volume template; with `upload=true` the header x-blaxel-upload-url says where its files go',
  tag,
  access: 'member',
  query: uploadQuery,
  body: blaxelVolumeTemplateBody,
  response: blaxelVolumeTemplate,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_name',
    'invalid_resources',
    'limit_exceeded',
    'name_taken',
    'quota_exceeded',
  ],
});

export const getBlaxelVolumeTemplate = defineRoute({
  id: 'getBlaxelVolumeTemplate',
  method: 'GET',
  paths: ['/v0/volume_templates/{name}'],
  summary: 'A volume template with its versions',
  tag,
  access: 'viewer',
  params,
  query: z.object(workspaceQuery),
  response: blaxelVolumeTemplate,
  status: 200,
  errors: ['volume_template_not_found'],
});

export const replaceBlaxelVolumeTemplate = defineRoute({
  id: 'replaceBlaxelVolumeTemplate',
  method: 'PUT',
  paths: ['/v0/volume_templates/{name}'],
  summary: 'Change what a volume template says of itself, or with `upload=true` begin another version of it',
  tag,
  access: 'member',
  params,
  query: uploadQuery,
  body: blaxelVolumeTemplateBody,
  response: blaxelVolumeTemplate,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_name',
    'invalid_resources',
    'limit_exceeded',
    'name_taken',
    'volume_template_not_found',
  ],
});

export const deleteBlaxelVolumeTemplate = defineRoute({
  id: 'deleteBlaxelVolumeTemplate',
  method: 'DELETE',
  paths: ['/v0/volume_templates/{name}'],
  summary: 'Delete a volume template with its versions; volumes that began with them stay',
  tag,
  access: 'member',
  params,
  query: z.object(workspaceQuery),
  response: blaxelVolumeTemplate,
  status: 200,
  errors: ['volume_template_not_found', 'conflict'],
});

export const deleteBlaxelVolumeTemplateVersion = defineRoute({
  id: 'deleteBlaxelVolumeTemplateVersion',
  method: 'DELETE',
  paths: ['/v0/volume_templates/{name}/versions/{version}'],
  summary: 'Delete a version of a volume template',
  tag,
  access: 'member',
  params: z.object({ name: z.string(), version: z.string() }),
  query: z.object(workspaceQuery),
  response: z.object({ message: z.string(), template: blaxelVolumeTemplate }),
  status: 200,
  errors: ['volume_template_not_found', 'invalid_state'],
});

export const uploadBlaxelVolumeTemplate = defineRoute({
  id: 'uploadBlaxelVolumeTemplate',
  method: 'PUT',
  paths: ['/v0/volume-uploads/{token}'],
  summary: 'Send a version of a volume template, as ZIP or tar. The URL is the right to do so, once',
  tag,
  access: 'public',
  params: z.object({ token: z.string() }),
  bodyKind: 'stream',
  response: z.object({ message: z.string() }),
  status: 200,
  errors: ['not_found', 'invalid_request', 'limit_exceeded', 'name_taken', 'quota_exceeded', 'too_busy'],
});
