import { ApiError } from '@atoll/protocol';
import { waitAtMost } from '../lib/deadline.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { isCurrent, isWarm, requestOf } from './pool.ts';
import type { Create, Pool } from './pool.ts';
import type { PoolKeeper } from './pool-keeper.ts';
import type { Created } from './request.ts';
import { terminateSandbox } from './terminate.ts';
import { wake } from './wake.ts';

export interface ClaimOptions {
  context: SandboxContext;
  keeper: PoolKeeper;
  create: Create;
  /** The pool as it is now. Throws `pool_not_found`. */
  find: (workspaceId: string, poolId: string) => Pool;
}

/** A warm sandbox may have died while it waited; after so many, one is made anew. */
const MAX_ATTEMPTS = 3;

/**
 * Gives out sandboxes of pools. To choose one and to write that it is taken is one turn of the event loop, so a sandbox
 * has one owner, `maxContainers` holds, and a pool that is being deleted gives out none.
 */
export function createClaim({ context, keeper, create, find }: ClaimOptions) {
  const { store, clock } = context;

  /** What is ready first; what still starts is sooner there than what has not begun. */
  const pick = (pool: Pool): SandboxRecord | undefined => {
    const warm = store.inPool(pool.id).filter((record) => isWarm(record) && isCurrent(context, pool, record));
    const starting = warm.filter(({ state }) => state === 'pending');
    const ready = warm.filter(({ state }) => state !== 'pending');
    return [...ready, ...starting].find((record) => store.claimWarm(record, clock.now()));
  };

  /** Until the sandbox answers. It was frozen, and nobody has watched over it. */
  const awaken = async (claimed: SandboxRecord): Promise<SandboxRecord> => {
    await context.flights.join(claimed.id, 'create');
    const record = store.byId(claimed.workspaceId, claimed.id) ?? claimed;
    if (record.slotId === undefined || (await context.driver.state(record.slotId)) !== 'running')
      throw new Error(`the warm sandbox ${record.id} has died`);
    const awake = await wake(context, record);
    context.activity.restart(record.id);
    return awake.record;
  };

  const discard = (record: SandboxRecord, err: unknown): void => {
    context.log.warn({ sandboxId: record.id, err }, 'a warm sandbox cannot be claimed');
    terminateSandbox(context, record, {
      reason: 'start_failed',
      error: 'the sandbox died before it was claimed',
    }).catch((error: unknown) =>
      context.log.error({ sandboxId: record.id, err: error }, 'cannot end a dead sandbox'),
    );
  };

  /** Room for one more. Stale sandboxes that are about to be ended anyway take nobody's place. */
  const requireRoom = (pool: Pool): void => {
    const members = store.inPool(pool.id);
    if (pool.maxContainers === undefined || members.length < pool.maxContainers) return;
    const stale = members.find(isWarm);
    if (stale === undefined)
      throw new ApiError(
        'pool_exhausted',
        `all ${pool.maxContainers} sandboxes of pool ${pool.id} are claimed`,
      );
    discard(stale, new Error('it is stale'));
  };

  const claimWarm = async (warm: SandboxRecord, timeoutMs: number): Promise<Created | undefined> => {
    try {
      const result = await waitAtMost(awaken(warm), timeoutMs);
      return result.timedOut ? { kind: 'timeout', record: warm } : { kind: 'running', record: result.value };
    } catch (error) {
      discard(warm, error);
      return undefined;
    }
  };

  /** A sandbox of the pool for the caller alone: a warm one, else a new one; waits at most `timeoutMs`. */
  return async (workspaceId: string, poolId: string, timeoutMs: number): Promise<Created> => {
    const deadline = Date.now() + timeoutMs;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const pool = find(workspaceId, poolId);
      context.secrets.requireAll(workspaceId, pool.template.secretNames ?? []);
      const warm = pick(pool);
      if (warm === undefined) break;
      const claimed = await claimWarm(warm, deadline - Date.now()).finally(() => keeper.tendLater(poolId));
      if (claimed !== undefined) return claimed;
    }
    const pool = find(workspaceId, poolId);
    requireRoom(pool);
    return create(workspaceId, requestOf(pool, false), Math.max(0, deadline - Date.now()));
  };
}
