/** Pools of sandboxes that wait to be claimed, in the Tensorlake dialect (wire 1.6). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import {
  createSandboxAnswer,
  createSandboxBody,
  mountedFileSystem,
  network,
  sandboxResources,
} from './sandbox.ts';

const tag = 'Pools';

const both = (path: string) => [`/v1/namespaces/{ns}${path}`, path] as const;

const namespaceParams = z.object({ ns: z.string().optional() });
const poolParams = namespaceParams.extend({ id: z.string() });

const containers = z.number().int().min(0).max(100_000).nullish();

/** What each sandbox of the pool is, in the words of a create, and how many there are. */
export const poolBody = createSandboxBody
  .pick({
    image: true,
    resources: true,
    timeout_secs: true,
    entrypoint: true,
    network: true,
    secret_names: true,
    file_systems: true,
  })
  .extend({ max_containers: containers, warm_containers: containers });
export type PoolBody = z.output<typeof poolBody>;

export const poolContainer = z.object({
  id: z.string(),
  state: z.enum(['Idle', 'Running']),
  /** Once it is claimed. */
  sandbox_id: z.string().nullable(),
  executor_id: z.string(),
});

export const poolInfo = z.object({
  pool_id: z.string(),
  namespace: z.string(),
  image: z.string(),
  resources: sandboxResources,
  timeout_secs: z.number(),
  entrypoint: z.array(z.string()).optional(),
  secret_names: z.array(z.string()).optional(),
  file_systems: z.array(mountedFileSystem).optional(),
  max_containers: z.number().optional(),
  warm_containers: z.number().optional(),
  network_policy: network.optional(),
  /** Not in lists. */
  containers: z.array(poolContainer).optional(),
  /** Why there are fewer warm containers than there should be. */
  error_details: z.object({ message: z.string() }).optional(),
  created_at: z.number().optional(),
  updated_at: z.number().optional(),
});
export type PoolInfo = z.output<typeof poolInfo>;

const refusals = [
  'invalid_request',
  'invalid_resources',
  'limit_exceeded',
  'image_not_found',
  'secret_not_found',
  'invalid_network',
  'volume_not_found',
  'volume_snapshot_not_found',
  'unsupported',
  'quota_exceeded',
] as const;

export const createPool = defineRoute({
  id: 'createPool',
  method: 'POST',
  paths: both('/sandbox-pools'),
  summary: 'Create a pool; its warm containers are made in the background',
  tag,
  access: 'member',
  params: namespaceParams,
  body: poolBody,
  response: z.object({ pool_id: z.string(), namespace: z.string() }),
  status: 200,
  errors: refusals,
});

export const listPools = defineRoute({
  id: 'listPools',
  method: 'GET',
  paths: both('/sandbox-pools'),
  summary: 'List the pools of a workspace, newest first',
  tag,
  access: 'viewer',
  params: namespaceParams,
  response: z.object({ pools: z.array(poolInfo) }),
  status: 200,
  errors: [],
});

export const getPool = defineRoute({
  id: 'getPool',
  method: 'GET',
  paths: both('/sandbox-pools/{id}'),
  summary: 'One pool with its containers',
  tag,
  access: 'viewer',
  params: poolParams,
  response: poolInfo,
  status: 200,
  errors: ['pool_not_found'],
});

export const updatePool = defineRoute({
  id: 'updatePool',
  method: 'PUT',
  paths: both('/sandbox-pools/{id}'),
  summary: 'Replace what a pool is; warm containers that differ are replaced, claimed ones stay',
  tag,
  access: 'member',
  params: poolParams,
  body: poolBody,
  response: poolInfo,
  status: 200,
  errors: ['pool_not_found', ...refusals],
});

export const deletePool = defineRoute({
  id: 'deletePool',
  method: 'DELETE',
  paths: both('/sandbox-pools/{id}'),
  summary: 'Delete a pool and its warm containers; refused while a claimed sandbox lives',
  tag,
  access: 'member',
  params: poolParams,
  status: 200,
  errors: ['pool_not_found', 'pool_in_use'],
});

export const claimSandbox = defineRoute({
  id: 'claimSandbox',
  method: 'POST',
  paths: both('/sandbox-pools/{id}/sandboxes'),
  summary: 'Take a sandbox of a pool: a warm one, else a new one; answers when it runs',
  tag,
  access: 'member',
  params: poolParams,
  body: createSandboxBody.pick({ file_systems: true }),
  /** `claim_configuration_applied`: clients that sent a body end the sandbox unless they find it. */
  response: createSandboxAnswer.extend({ claim_configuration_applied: z.literal(true) }),
  status: 200,
  errors: [
    'pool_not_found',
    'pool_exhausted',
    'image_not_found',
    'secret_not_found',
    'volume_not_found',
    'volume_snapshot_not_found',
    'volume_in_use',
    'unsupported',
    'quota_exceeded',
    'host_out_of_memory',
    'host_out_of_disk',
    'too_busy',
    'start_failed',
    'start_timeout',
  ],
});
