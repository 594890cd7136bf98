import { isDeepStrictEqual } from 'node:util';
import { ApiError, defaultImage } from '@atoll/protocol';
import { newSandboxId } from '../lib/id.ts';
import type { PoolStore } from '../store/pool-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { checkLimits } from './admission.ts';
import type { AdmissionSettings } from './admission.ts';
import type { SandboxContext } from './context.ts';
import { isWarm } from './pool.ts';
import type { Create, Launch, Pool, PoolTemplate } from './pool.ts';
import { admitRules, noRules } from './network-rules.ts';
import { createClaim } from './pool-claim.ts';
import { createPoolKeeper } from './pool-keeper.ts';
import type { PoolKeeperOptions } from './pool-keeper.ts';
import { admitPoolVolumes } from './volume-use.ts';

/** What a pool shall be. */
export interface PoolRequest {
  /** Without rules for the network an update keeps those that there are. */
  template: PoolTemplate;
  warmContainers?: number;
  maxContainers?: number;
}

/** One sandbox of a pool: idle until somebody claims it. */
export interface PoolContainer {
  id: string;
  isClaimed: boolean;
}

export interface PoolsOptions extends Pick<PoolKeeperOptions, 'settleMs' | 'reviewEveryMs'> {
  context: SandboxContext;
  pools: PoolStore<PoolTemplate>;
  admission: AdmissionSettings;
  launch: Launch;
  create: Create;
}

export type Pools = ReturnType<typeof createPools>;

/** Pools of sandboxes that wait to be claimed (tensorlake wire 1.6). */
export function createPools({ context, pools, admission, launch, create, ...settings }: PoolsOptions) {
  const { store, clock } = context;
  const keeper = createPoolKeeper({ context, pools, launch, ...settings });

  const find = (workspaceId: string, poolId: string): Pool => {
    const pool = pools.byId(poolId);
    if (pool !== undefined && pool.workspaceId === workspaceId && pool.deletedAt === undefined) return pool;
    throw new ApiError('pool_not_found', `no pool ${JSON.stringify(poolId.slice(0, 80))}`);
  };

  const requireQuota = (workspaceId: string, pool: Pick<Pool, 'id' | 'warmContainers'>): void => {
    const others = pools.list(workspaceId).filter(({ id }) => id !== pool.id);
    if (others.length >= admission.maxPoolsPerWorkspace)
      throw quota('pools', admission.maxPoolsPerWorkspace, 'Delete pools that you no longer use.');
    const warm = others.reduce((sum, { warmContainers }) => sum + warmContainers, pool.warmContainers);
    if (warm > admission.maxWarmPerWorkspace)
      throw quota('warm containers', admission.maxWarmPerWorkspace, 'Keep fewer containers warm.');
  };

  /** What is wrong with a pool is said now, and not by claims that find it empty. */
  const check = async (workspaceId: string, { template, ...sizes }: PoolRequest, rules = noRules) => {
    const { warmContainers = 0, maxContainers } = sizes;
    if (maxContainers !== undefined && warmContainers > maxContainers) {
      throw new ApiError(
        'invalid_request',
        `warm_containers is ${warmContainers}, more than max_containers, which is ${maxContainers}`,
      );
    }
    const image = template.image ?? defaultImage;
    if (context.images.findUnbuilt(workspaceId, image) === undefined)
      context.images.resolve(workspaceId, image);
    context.secrets.requireAll(workspaceId, template.secretNames ?? []);
    const volumes = admitPoolVolumes(context, workspaceId, template);
    const limits = checkLimits(template.limits, admission);
    const network = template.network ?? rules;
    await admitRules(context, workspaceId, network);
    return {
      template: plain({ ...template, image, limits, network, ...(volumes && { volumes }) }),
      warmContainers,
      ...(maxContainers !== undefined && { maxContainers }),
    };
  };

  const containersOf = (pool: Pool): PoolContainer[] =>
    store
      .inPool(pool.id)
      .filter((record) => !isWarm(record) || isReady(record))
      .map((record) => ({ id: record.id, isClaimed: !isWarm(record) }));

  return {
    create: async (workspaceId: string, request: PoolRequest): Promise<Pool> => {
      const checked = await check(workspaceId, request);
      const now = clock.now();
      const made = { id: newSandboxId(), workspaceId, generation: 1, createdAt: now, updatedAt: now };
      const pool: Pool = { ...made, ...checked };
      requireQuota(workspaceId, pool);
      pools.insert(pool);
      void keeper.tend(pool.id);
      return pool;
    },
    list: pools.list,
    get: (workspaceId: string, poolId: string) => {
      const pool = find(workspaceId, poolId);
      return { pool, containers: containersOf(pool), error: keeper.errorOf(pool.id) };
    },
    /** Replaces what a pool is. Sandboxes that were claimed stay as they are, warm ones give way where they differ. */
    update: async (workspaceId: string, poolId: string, request: PoolRequest): Promise<Pool> => {
      const checked = await check(workspaceId, request, find(workspaceId, poolId).template.network);
      // Once more, because it may have been changed or deleted meanwhile.
      const { maxContainers: _, ...before } = find(workspaceId, poolId);
      const isSame = isDeepStrictEqual(checked.template, before.template);
      const generation = before.generation + (isSame ? 0 : 1);
      const pool: Pool = { ...before, ...checked, generation, updatedAt: clock.now() };
      requireQuota(workspaceId, pool);
      pools.update(pool);
      void keeper.tend(pool.id);
      return pool;
    },
    /**
     * Deletes a pool with its warm sandboxes, unless somebody has claimed one that still lives. From the mark on nothing
     * can be claimed; what cannot be ended now, the keeper ends later.
     */
    delete: async (workspaceId: string, poolId: string): Promise<void> => {
      const pool = find(workspaceId, poolId);
      const claimed = store.inPool(pool.id).filter((record) => !isWarm(record)).length;
      if (claimed > 0)
        throw new ApiError('pool_in_use', `${claimed} sandboxes of pool ${pool.id} are claimed and live`);
      pools.markDeleted(pool.id, clock.now());
      await keeper.tend(pool.id);
    },
    claim: createClaim({ context, keeper, create, find }),
    gone: keeper.gone,
    open: keeper.open,
    close: keeper.close,
  };
}

/** Templates that mean the same are the same, however they were asked for. */
function plain({ timeoutSecs, ...template }: PoolTemplate): PoolTemplate {
  return { ...template, ...(timeoutSecs && { timeoutSecs }) };
}

/** One that still starts is not there yet for those who look. */
const isReady = ({ state }: SandboxRecord): boolean => state !== 'pending';

const quota = (what: string, max: number, hint: string): ApiError =>
  new ApiError('quota_exceeded', `this server allows a workspace ${max} ${what}`, { hint });
