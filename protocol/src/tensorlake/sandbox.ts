/** Sandboxes of the Tensorlake dialect (wire 1.4). Field names are the wire's. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { lifecyclePaths, namespaceParams } from './lifecycle-path.ts';

/** Statuses as they go over the wire: lower case, unlike the seeds' spelling (wire 0.2.6). */
export const sandboxStatuses = [
  'pending',
  'running',
  'snapshotting',
  'suspending',
  'suspended',
  'terminated',
] as const;
export const sandboxStatus = z.enum(sandboxStatuses);
export type SandboxStatus = z.output<typeof sandboxStatus>;

export const network = z.object({
  allow_internet_access: z.boolean().default(true),
  allow_out: z.array(z.string()).default([]),
  deny_out: z.array(z.string()).default([]),
});

/** Sizes are ceilings that may overcommit; ranges are checked by the domain, which names the limit. */
const requestedResources = z.object({
  cpus: z.number().nullish(),
  memory_mb: z.number().int().nullish(),
  disk_mb: z.number().int().nullish(),
  ephemeral_disk_mb: z.number().int().nullish(),
  gpus: z.array(z.unknown()).nullish(),
});

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), { error: 'must not contain NUL characters' });

/** What a snapshot holds: files alone, or with them the memory and the running processes. */
export const snapshotType = z.enum(['memory', 'filesystem']);
export type SnapshotType = z.output<typeof snapshotType>;

/** A file system in a sandbox. `prefetch` is a hint to services that fetch it from afar. */
export const fileSystemMount = z.object({
  /** Or its name. */
  file_system_id: z.string(),
  mount_path: z.string(),
  read_only: z.boolean().nullish(),
  prefetch: z.boolean().nullish(),
  /** As it was then, read-only. */
  snapshot_id: z.string().nullish(),
  /** Of newer clients; files keep their owners here. */
  owner: z.string().nullish(),
});
export type FileSystemMount = z.output<typeof fileSystemMount>;

/** As an answer shows it. */
export const mountedFileSystem = z.object({
  file_system_id: z.string(),
  mount_path: z.string(),
  read_only: z.boolean().optional(),
  snapshot_id: z.string().optional(),
});

/** What becomes of a running sandbox whose runtime dies. */
export const onCrash = z.enum(['terminate', 'restore']);
export type OnCrash = z.output<typeof onCrash>;

export const createSandboxBody = z.object({
  image: text(512).min(1).nullish(),
  resources: requestedResources.nullish(),
  timeout_secs: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31)
    .nullish(),
  entrypoint: z.array(text(65_536)).max(1024).nullish(),
  network: network.nullish(),
  snapshot_id: z.string().nullish(),
  /** Of this server. `filesystem`: start from the files of a memory snapshot alone. */
  snapshot_type: snapshotType.nullish(),
  /** Of this server. `restore`: go on from the last memory snapshot when the runtime dies. */
  on_crash: onCrash.nullish(),
  name: z.string().nullish(),
  file_systems: z.array(fileSystemMount).nullish(),
  exposed_ports: z.array(z.number().int().min(1).max(65_535)).nullish(),
  allow_unauthenticated_access: z.boolean().nullish(),
  secret_names: z.array(z.string()).max(1000).nullish(),
});
export type CreateSandboxBody = z.output<typeof createSandboxBody>;

export const createSandboxAnswer = z.object({
  sandbox_id: z.string(),
  status: z.enum([...sandboxStatuses, 'timeout', 'failed']),
  sandbox_url: z.string().optional(),
  name: z.string().optional(),
  reason: z.string().optional(),
  termination_reason: z.string().optional(),
  error_details: z.unknown().optional(),
});
export type CreateSandboxAnswer = z.output<typeof createSandboxAnswer>;

export const sandboxResources = z.object({
  cpus: z.number(),
  memory_mb: z.number(),
  /** Both spellings: some clients read one, some the other. */
  ephemeral_disk_mb: z.number(),
  disk_mb: z.number(),
});

/** Where an exposed port is reached. */
export const portUrl = z.object({
  port: z.number(),
  /** The form that the client can resolve: an origin of its own by name, else `path_url`. */
  url: z.string(),
  path_url: z.string(),
  /** On the server's own machine alone. */
  local_url: z.string().optional(),
});
export type PortUrl = z.output<typeof portUrl>;

/** Of this server: where its sandboxes are reached by SSH, on the host of its API. */
export const sshEndpoint = z.object({
  port: z.number(),
  /** As `ssh` shows it: `SHA256:…`. */
  host_key_fingerprint: z.string(),
});
export type SshEndpoint = z.output<typeof sshEndpoint>;

/** Never carries two aliases of one field: clients refuse that as a duplicate (wire 0.2.4). */
export const sandboxInfo = z.object({
  id: z.string(),
  namespace: z.string(),
  status: sandboxStatus,
  image: z.string().optional(),
  resources: sandboxResources,
  timeout_secs: z.number().optional(),
  entrypoint: z.array(z.string()).optional(),
  network: network.optional(),
  outcome: z.string().optional(),
  termination_reason: z.string().optional(),
  error_details: z.object({ message: z.string() }).optional(),
  created_at: z.number().optional(),
  terminated_at: z.number().optional(),
  name: z.string().optional(),
  allow_unauthenticated_access: z.boolean(),
  exposed_ports: z.array(z.number()).optional(),
  port_urls: z.array(portUrl).optional(),
  ssh: sshEndpoint.optional(),
  sandbox_url: z.string().optional(),
  secret_names: z.array(z.string()).optional(),
  /** The pool that it was claimed from. */
  pool_id: z.string().optional(),
  file_systems: z.array(mountedFileSystem),
  /** Of this server: where the time of its creation went, in the order in which its parts ended. */
  start_stages: z.array(z.object({ name: z.string(), ms: z.number() })).optional(),
  /** Of this server: what becomes of it when its runtime dies; absent: it ends. */
  on_crash: onCrash.optional(),
  /** Of this server: the sandbox that it is a copy of. */
  origin_sandbox_id: z.string().optional(),
  /** Of this server: the snapshot that it was started from or rolled back to last. */
  origin_snapshot_id: z.string().optional(),
});
export type SandboxInfo = z.output<typeof sandboxInfo>;

export const archivedSandboxInfo = sandboxInfo.extend({ archived_at: z.number() });

export const updateSandboxBody = z.object({
  name: z.string().optional(),
  exposed_ports: z.array(z.number().int().min(1).max(65_535)).optional(),
  allow_unauthenticated_access: z.boolean().optional(),
  network: network.nullable().optional(),
  on_crash: onCrash.optional(),
  /** Of newer clients, which wait for what it asks for: a sandbox keeps its size, so it is refused. */
  resources: z.looseObject({}).nullish(),
});
export type UpdateSandboxBody = z.output<typeof updateSandboxBody>;

const sandboxParams = namespaceParams.extend({ id: z.string() });
const count = (max: number) => z.coerce.number().int().min(1).max(max);

const tag = 'Sandboxes';

export const createSandbox = defineRoute({
  id: 'createSandbox',
  method: 'POST',
  paths: lifecyclePaths('/sandboxes'),
  summary: 'Create a sandbox; answers when it runs, within X-Tensorlake-Request-Timeout-Ms',
  tag,
  access: 'member',
  params: namespaceParams,
  body: createSandboxBody,
  response: createSandboxAnswer,
  status: 200,
  errors: [
    'invalid_request',
    'invalid_name',
    'invalid_resources',
    'limit_exceeded',
    'invalid_network',
    'unresolvable_host',
    'image_not_found',
    'snapshot_not_found',
    'checkpoint_unusable',
    'invalid_state',
    'secret_not_found',
    'volume_not_found',
    'volume_snapshot_not_found',
    'volume_in_use',
    'unsupported',
    'name_taken',
    'quota_exceeded',
    'host_out_of_memory',
    'host_out_of_disk',
    'too_busy',
    'start_failed',
    'start_timeout',
  ],
});

export const listSandboxes = defineRoute({
  id: 'listSandboxes',
  method: 'GET',
  paths: lifecyclePaths('/sandboxes'),
  summary: 'List the sandboxes of a workspace, newest first; everything unless a limit is given',
  tag,
  access: 'viewer',
  params: namespaceParams,
  query: z.object({
    status: sandboxStatus.optional(),
    limit: count(1000).optional(),
    cursor: z.string().optional(),
  }),
  response: z.object({ sandboxes: z.array(sandboxInfo), next_cursor: z.string().optional() }),
  status: 200,
  errors: ['invalid_request'],
});

export const getSandbox = defineRoute({
  id: 'getSandbox',
  method: 'GET',
  paths: lifecyclePaths('/sandboxes/{id}'),
  summary: 'One sandbox by id or name; terminated ones by id',
  tag,
  access: 'viewer',
  params: sandboxParams,
  response: sandboxInfo,
  status: 200,
  errors: ['sandbox_not_found'],
});

export const updateSandbox = defineRoute({
  id: 'updateSandbox',
  method: 'PATCH',
  paths: lifecyclePaths('/sandboxes/{id}'),
  summary: 'Change name, exposed ports or network of a sandbox; naming an unnamed one makes it a named one',
  tag,
  access: 'member',
  params: sandboxParams,
  body: updateSandboxBody,
  response: sandboxInfo,
  status: 200,
  errors: [
    'invalid_request',
    'limit_exceeded',
    'sandbox_not_found',
    'invalid_name',
    'name_taken',
    'invalid_state',
    'unsupported',
    'invalid_network',
    'unresolvable_host',
  ],
});

export const deleteSandbox = defineRoute({
  id: 'deleteSandbox',
  method: 'DELETE',
  paths: lifecyclePaths('/sandboxes/{id}'),
  summary: 'Terminate a sandbox for good; idempotent, and wins over a create in flight',
  tag,
  access: 'member',
  params: sandboxParams,
  status: 200,
  errors: ['sandbox_not_found'],
});

export const suspendSandbox = defineRoute({
  id: 'suspendSandbox',
  method: 'POST',
  paths: lifecyclePaths('/sandboxes/{id}/suspend'),
  summary: 'Let a named sandbox stand still with its memory and processes; 200 when it does already',
  tag,
  access: 'member',
  params: sandboxParams,
  status: 202,
  errors: ['sandbox_not_found', 'invalid_state', 'conflict', 'host_out_of_disk'],
});

export const resumeSandbox = defineRoute({
  id: 'resumeSandbox',
  method: 'POST',
  paths: lifecyclePaths('/sandboxes/{id}/resume'),
  summary: 'Let a suspended sandbox go on where it was; 200 when it runs already',
  tag,
  access: 'member',
  params: sandboxParams,
  status: 202,
  errors: [
    'sandbox_not_found',
    'invalid_state',
    'conflict',
    'checkpoint_unusable',
    'host_out_of_memory',
    'host_out_of_disk',
    'start_failed',
    'too_busy',
  ],
});

export const copySandboxAnswer = z.object({
  source_sandbox_id: z.string(),
  sandboxes: z.array(createSandboxAnswer),
});
export type CopySandboxAnswer = z.output<typeof copySandboxAnswer>;

/** Older clients say `sandbox`, later ones `sandboxes`. */
export const copySandbox = defineRoute({
  id: 'copySandbox',
  method: 'POST',
  paths: [...lifecyclePaths('/sandboxes/{id}/copy'), ...lifecyclePaths('/sandbox/{id}/copy')],
  summary:
    'Make live copies with memory and processes; 422 when one failed and 504 when one took too long, with the same body',
  tag,
  access: 'member',
  params: sandboxParams,
  query: z.object({ times: count(1000).default(1) }),
  response: copySandboxAnswer,
  status: 200,
  errors: [
    'sandbox_not_found',
    'invalid_state',
    'conflict',
    'unsupported',
    'volume_in_use',
    'limit_exceeded',
    'quota_exceeded',
    'checkpoint_failed',
    'checkpoint_unusable',
    'host_out_of_memory',
    'host_out_of_disk',
  ],
});

export const listArchivedSandboxes = defineRoute({
  id: 'listArchivedSandboxes',
  method: 'GET',
  paths: lifecyclePaths('/archived-sandboxes'),
  summary: 'List terminated sandboxes page by page, newest first',
  tag,
  access: 'viewer',
  params: namespaceParams,
  query: z.object({
    limit: count(1000).default(100),
    cursor: z.string().optional(),
    direction: z.enum(['forward', 'backward']).default('forward'),
  }),
  response: z.object({
    sandboxes: z.array(archivedSandboxInfo),
    prev_cursor: z.string().nullable(),
    next_cursor: z.string().nullable(),
  }),
  status: 200,
  errors: ['invalid_request'],
});

export const getArchivedSandbox = defineRoute({
  id: 'getArchivedSandbox',
  method: 'GET',
  paths: lifecyclePaths('/archived-sandboxes/{id}'),
  summary: 'One terminated sandbox',
  tag,
  access: 'viewer',
  params: sandboxParams,
  response: archivedSandboxInfo,
  status: 200,
  errors: ['sandbox_not_found'],
});
