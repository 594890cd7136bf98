import { ApiError, defaultImage } from '@atoll/protocol';
import { newSandboxId } from '../lib/id.ts';
import type { PoolStore } from '../store/pool-store.ts';
import type { ResourceLimits } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { checkLimits } from './admission.ts';
import type { AdmissionSettings } from './admission.ts';
import type { SandboxContext } from './context.ts';
import { isWarm } from './pool.ts';
import type { Create, Launch, Pool, PoolTemplate } from './pool.ts';
import { createClaim } from './pool-claim.ts';
import { createPoolKeeper } from './pool-keeper.ts';
import type { PoolKeeperOptions } from './pool-keeper.ts';

/** What a pool shall be. */
export interface PoolRequest {
  /** Whether the sandboxes reach the internet stays as it is where an update does not say. */
  template: Omit<PoolTemplate, 'internet'> & { internet?: boolean };
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
  const check = (workspaceId: string, { template, ...sizes }: PoolRequest, internet: boolean) => {
    const { warmContainers = 0, maxContainers } = sizes;
    if (maxContainers !== undefined && warmContainers > maxContainers) {
      throw new ApiError(
        'invalid_request',
        `warm_containers is ${warmContainers}, more than max_containers, which is ${maxContainers}`,
      );
    }
    context.images.resolve(workspaceId, template.image ?? defaultImage);
    context.secrets.requireAll(workspaceId, template.secretNames ?? []);
    return {
      template: plain(template, checkLimits(template.limits, admission), internet),
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
    create: (workspaceId: string, request: PoolRequest): Pool => {
      const now = clock.now();
      const checked = check(workspaceId, request, true);
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
    update: (workspaceId: string, poolId: string, request: PoolRequest): Pool => {
      const { maxContainers: _, ...before } = find(workspaceId, poolId);
      const checked = check(workspaceId, request, before.template.internet);
      const isSame = JSON.stringify(checked.template) === JSON.stringify(before.template);
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
function plain(given: PoolRequest['template'], limits: ResourceLimits, internet: boolean): PoolTemplate {
  const { timeoutSecs, image = defaultImage, ...template } = given;
  return {
    ...template,
    image,
    limits,
    internet: template.internet ?? internet,
    ...(timeoutSecs && { timeoutSecs }),
  };
}

/** One that still starts is not there yet for those who look. */
const isReady = ({ state }: SandboxRecord): boolean => state !== 'pending';

const quota = (what: string, max: number, hint: string): ApiError =>
  new ApiError('quota_exceeded', `this server allows a workspace ${max} ${what}`, { hint });
