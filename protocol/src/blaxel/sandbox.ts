/** Sandboxes of the Blaxel dialect (wire 1.5). Field names are the wire's; fields that are not known are kept. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel sandboxes';

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), { error: 'must not contain NUL characters' });

/** Name of a sandbox: shorter than a label of a host name, and it may begin with a digit. */
export const blaxelName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,47}[a-z0-9])?$/, {
  error: 'must have 1 to 49 characters a–z, 0–9 and "-", and begin and end with a letter or digit',
});

/** A time span as `30m`, `24h` or `7d`; with as many digits as make a few centuries, so that its end is a date. */
export const timeSpan = z.string().regex(/^(?:\d{1,9}s|\d{1,8}m|\d{1,6}h|\d{1,5}d|\d{1,4}w)$/, {
  error: 'must be a number with s, m, h, d or w, and no longer than centuries',
});

const port = z.looseObject({
  name: text(64).nullish(),
  target: z.number().int().min(1).max(65_535),
  protocol: z.enum(['HTTP', 'TCP', 'UDP', 'TLS']).nullish(),
});

const env = z.looseObject({
  name: text(1024).regex(/^[^=]+$/, { error: 'must not be empty and not contain "="' }),
  value: text(1_000_000).nullish(),
  secret: z.boolean().nullish(),
});

const expirationPolicy = z.looseObject({
  type: z.enum(['ttl-idle', 'ttl-max-age', 'date']),
  value: z.string(),
  action: z.literal('delete').nullish(),
});

const domains = z.looseObject({
  allowedDomains: z.array(text(253)).nullish(),
  forbiddenDomains: z.array(text(253)).nullish(),
});

const egress = z.looseObject({
  mode: text(64).nullish(),
  gateway: text(256).nullish(),
  policies: z
    .array(z.looseObject({ mode: text(64).nullish() }))
    .max(256)
    .nullish(),
});

const network = domains.extend({
  proxy: domains.nullish(),
  firewall: domains.nullish(),
  egress: egress.nullish(),
});

const volume = z.looseObject({
  name: text(63).nullish(),
  mountPath: text(4096),
  readOnly: z.boolean().nullish(),
  type: z.enum(['persistent', 'ephemeral']).nullish(),
  sizeMb: z.number().int().nullish(),
});

const runtime = z.looseObject({
  image: text(512).min(1).nullish(),
  memory: z.number().int().nullish(),
  ports: z.array(port).max(100).nullish(),
  envs: z.array(env).max(10_000).nullish(),
  ttl: timeSpan.nullish(),
  expires: z.iso.datetime({ offset: true }).nullish(),
  /** Of docker, as JSON: credentials for the registry of the image. Used once and not kept. */
  dockerConfig: z.string().max(1_000_000).nullish(),
  extraArgs: z.record(z.string(), z.string()).nullish(),
  /** Run on the image that was brought in before, instead of fetching it again. */
  skipBuild: z.union([z.boolean(), z.string().max(5)]).nullish(),
});

export const blaxelSandboxSpec = z.looseObject({
  enabled: z.boolean().nullish(),
  region: z.string().nullish(),
  runtime: runtime.nullish(),
  volumes: z.array(volume).max(64).nullish(),
  lifecycle: z
    .looseObject({
      expirationPolicies: z.array(expirationPolicy).nullish(),
      terminatedRetention: timeSpan.nullish(),
    })
    .nullish(),
  network: network.nullish(),
});
export type BlaxelSandboxSpec = z.output<typeof blaxelSandboxSpec>;

/** What is read-only is left aside: clients send back what they were given, as a whole. */
export const blaxelSandboxBody = z.object({
  metadata: z
    .object({
      name: blaxelName.nullish(),
      displayName: text(63).nullish(),
      externalId: text(64).nullish(),
      labels: z.record(text(256), text(1024)).nullish(),
    })
    .nullish(),
  spec: blaxelSandboxSpec.nullish(),
});
export type BlaxelSandboxBody = z.output<typeof blaxelSandboxBody>;

export const blaxelSandbox = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string().optional(),
    workspace: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    externalId: z.string().optional(),
    url: z.string(),
    createdAt: z.string(),
    updatedAt: z.string(),
    createdBy: z.string().optional(),
    updatedBy: z.string().optional(),
  }),
  spec: blaxelSandboxSpec,
  status: z.enum([
    'UPLOADING',
    'BUILDING',
    'DEPLOYING',
    'DEPLOYED',
    'FAILED',
    'DEACTIVATING',
    'DEACTIVATED',
    'ARCHIVING',
    'ARCHIVED',
    'DELETING',
    'TERMINATED',
  ]),
  state: z.enum(['RUNNING', 'STANDBY']).optional(),
  events: z.array(
    z.object({
      type: z.string(),
      status: z.string(),
      message: z.string().optional(),
      revision: z.string().optional(),
      time: z.string(),
    }),
  ),
  /** Seconds until it ends by itself. */
  expiresIn: z.number().optional(),
  lastUsedAt: z.string().optional(),
});
export type BlaxelSandbox = z.output<typeof blaxelSandbox>;

const sandboxParams = z.object({ name: z.string() });
const flag = z.enum(['true', 'false']).optional();
/** Also read as a bare query of the workspace by clients that send no header. */
const workspaceQuery = { workspace: z.string().optional() };

export const createBlaxelSandbox = defineRoute({
  id: 'createBlaxelSandbox',
  method: 'POST',
  paths: ['/v0/sandboxes'],
  summary: 'Create a sandbox; with `createIfNotExist=true`, or find it',
  tag,
  access: 'member',
  query: z.object({ createIfNotExist: flag, upload: flag, ...workspaceQuery }),
  body: blaxelSandboxBody,
  response: blaxelSandbox,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_resources',
    'limit_exceeded',
    'image_not_found',
    'unsupported',
    'name_taken',
    'quota_exceeded',
    'host_out_of_memory',
    'host_out_of_disk',
    'start_failed',
  ],
});

export const listBlaxelSandboxes = defineRoute({
  id: 'listBlaxelSandboxes',
  method: 'GET',
  paths: ['/v0/sandboxes'],
  summary: 'The sandboxes of a workspace: an array, or from version 2026-04-28 on a page',
  tag,
  access: 'viewer',
  query: z.object({
    cursor: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(200).optional(),
    sort: z
      .string()
      .regex(/^(createdAt|updatedAt|name)(:(asc|desc))?$/)
      .optional(),
    q: z.string().max(256).optional(),
    anchor: z.enum(['start', 'end']).optional(),
    status: z.string().max(256).optional(),
    showTerminated: flag,
    externalId: z.string().max(64).optional(),
    ...workspaceQuery,
  }),
  response: z.union([
    z.array(blaxelSandbox),
    z.object({
      data: z.array(blaxelSandbox),
      meta: z.object({ hasMore: z.boolean(), nextCursor: z.string().optional(), total: z.number() }),
    }),
  ]),
  status: 200,
  errors: ['invalid_request'],
});

export const getBlaxelSandbox = defineRoute({
  id: 'getBlaxelSandbox',
  method: 'GET',
  paths: ['/v0/sandboxes/{name}'],
  summary: 'A sandbox; one that has ended stays readable for a while',
  tag,
  access: 'viewer',
  params: sandboxParams,
  query: z.object({ show_secrets: flag, ...workspaceQuery }),
  response: blaxelSandbox,
  status: 200,
  errors: ['sandbox_not_found'],
});

export const getBlaxelSandboxByExternalId = defineRoute({
  id: 'getBlaxelSandboxByExternalId',
  method: 'GET',
  paths: ['/v0/sandboxes/by-external-id/{externalId}'],
  summary: 'The sandbox that was declared with this id of the client',
  tag,
  access: 'viewer',
  params: z.object({ externalId: z.string() }),
  query: z.object({ show_secrets: flag, ...workspaceQuery }),
  response: blaxelSandbox,
  status: 200,
  errors: ['sandbox_not_found'],
});

export const replaceBlaxelSandbox = defineRoute({
  id: 'replaceBlaxelSandbox',
  method: 'PUT',
  paths: ['/v0/sandboxes/{name}'],
  summary: 'Replace what was declared; another image, size or environment begins the sandbox anew',
  tag,
  access: 'member',
  params: sandboxParams,
  query: z.object({ upload: flag, ...workspaceQuery }),
  body: blaxelSandboxBody,
  response: blaxelSandbox,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_resources',
    'limit_exceeded',
    'image_not_found',
    'unsupported',
    'sandbox_not_found',
  ],
});

export const archiveBlaxelSandbox = defineRoute({
  id: 'archiveBlaxelSandbox',
  method: 'POST',
  paths: ['/v0/sandboxes/{name}/archive'],
  summary: 'Put a sandbox by: it stands still, and nothing wakes it until it is taken out again',
  tag,
  access: 'member',
  params: sandboxParams,
  query: z.object(workspaceQuery),
  response: blaxelSandbox,
  status: 200,
  errors: ['sandbox_not_found', 'unsupported', 'name_taken', 'conflict'],
});

export const unarchiveBlaxelSandbox = defineRoute({
  id: 'unarchiveBlaxelSandbox',
  method: 'POST',
  paths: ['/v0/sandboxes/{name}/unarchive'],
  summary: 'Take a sandbox out of the archive: the next request wakes it where it was',
  tag,
  access: 'member',
  params: sandboxParams,
  query: z.object(workspaceQuery),
  response: blaxelSandbox,
  status: 200,
  errors: ['sandbox_not_found', 'unsupported', 'name_taken', 'conflict'],
});

export const deleteBlaxelSandbox = defineRoute({
  id: 'deleteBlaxelSandbox',
  method: 'DELETE',
  paths: ['/v0/sandboxes/{name}'],
  summary: 'End a sandbox; its name is free at once',
  tag,
  access: 'member',
  params: sandboxParams,
  query: z.object(workspaceQuery),
  response: blaxelSandbox,
  status: 200,
  errors: ['sandbox_not_found'],
});
