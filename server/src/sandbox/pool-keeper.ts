import type { PoolStore } from '../store/pool-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { isCurrent, isWarm, requestOf, warmTarget } from './pool.ts';
import type { Launch, Pool, PoolTemplate } from './pool.ts';
import { standStill } from './suspend.ts';
import { terminateSandbox } from './terminate.ts';

export interface PoolKeeperOptions {
  context: SandboxContext;
  pools: PoolStore<PoolTemplate>;
  launch: Launch;
  /** How long a sandbox with an entrypoint runs before it stands still until it is claimed. */
  settleMs?: number;
  /** How often warm sandboxes are looked at: one that is frozen does not say that it has died. */
  reviewEveryMs?: number;
}

/** What a pool's upkeep is doing. One pass at a time for each pool; asking again while it runs makes one more. */
interface Care {
  pass?: Promise<void>;
  isWanted: boolean;
  timer?: NodeJS.Timeout;
  failures: number;
  error?: string;
}

/** Its answer and the first command of a claimed sandbox come first. */
const REFILL_AFTER_MS = 100;
const SETTLE_MS = 10_000;
const REVIEW_EVERY_MS = 30_000;
const RETRY_AFTER_MS = 1_000;
const MAX_RETRY_MS = 60_000;

export type PoolKeeper = ReturnType<typeof createPoolKeeper>;

/**
 * Keeps as many sandboxes of each pool warm as it should have: makes what is missing, lets it stand still in memory,
 * and ends what is stale, too much or dead. Everything it knows is in the records, so that it goes on after any end of
 * the earlier process.
 */
export function createPoolKeeper({
  context,
  pools,
  launch,
  settleMs = SETTLE_MS,
  reviewEveryMs,
}: PoolKeeperOptions) {
  const cares = new Map<string, Care>();
  /** Since when a warm sandbox runs. */
  const runningSince = new Map<string, number>();
  /** Sandboxes that the keeper itself ends. */
  const ending = new Set<string>();
  let isOpen = false;
  let reviewTimer: NodeJS.Timeout | undefined;

  const careOf = (poolId: string): Care => {
    const known = cares.get(poolId);
    if (known) return known;
    const care: Care = { isWanted: false, failures: 0 };
    cares.set(poolId, care);
    return care;
  };

  const tend = (poolId: string): Promise<void> => {
    const care = careOf(poolId);
    care.isWanted = true;
    if (!isOpen) return Promise.resolve();
    clearTimeout(care.timer);
    care.pass ??= passes(poolId, care).finally(() => {
      delete care.pass;
    });
    return care.pass;
  };

  const tendLater = (poolId: string, afterMs = REFILL_AFTER_MS): void => {
    if (!isOpen) return;
    const care = careOf(poolId);
    clearTimeout(care.timer);
    care.timer = setTimeout(() => void tend(poolId), afterMs).unref();
  };

  /** Never rejects: what fails is tried again, after a pause that doubles. */
  const passes = async (poolId: string, care: Care): Promise<void> => {
    while (care.isWanted && isOpen) {
      care.isWanted = false;
      try {
        await pass(poolId, care);
      } catch (err) {
        if (isOpen) failed(poolId, care, err);
        return;
      }
    }
  };

  const failed = (poolId: string, care: Care, err: unknown): void => {
    care.failures += 1;
    care.error = err instanceof Error ? err.message : String(err);
    context.log.warn({ poolId, err, failures: care.failures }, 'cannot keep a pool warm');
    tendLater(poolId, Math.min(MAX_RETRY_MS, RETRY_AFTER_MS * 2 ** (care.failures - 1)));
  };

  const pass = async (poolId: string, care: Care): Promise<void> => {
    const pool = pools.byId(poolId);
    if (pool === undefined) return void cares.delete(poolId);
    const { warm, kept } = look(pool);
    if (pool.deletedAt !== undefined) return dissolve(pool, warm);
    await endAll(warm.filter((record) => !kept.includes(record)));
    await freezeDue(pool, kept);
    await fillOne(poolId, care);
  };

  /** The warm sandboxes of a pool, and which of them stay. */
  const look = (pool: Pool) => {
    const members = context.store.inPool(pool.id);
    const warm = members.filter(isWarm);
    const target = warmTarget(pool, members.length - warm.length);
    const kept = warm.filter((record) => isCurrent(context, pool, record)).slice(0, target);
    return { warm, kept, missing: target - kept.length };
  };

  /**
   * One after the other: what is made ahead of time must not crowd out what somebody waits for. Looks again, because
   * claims and changes come in between; from the look to the new record nothing does.
   */
  const fillOne = async (poolId: string, care: Care): Promise<void> => {
    const pool = pools.byId(poolId);
    if (pool === undefined || pool.deletedAt !== undefined || look(pool).missing === 0) return;
    care.isWanted = true;
    await launch(pool.workspaceId, requestOf(pool, true)).start;
    care.failures = 0;
    delete care.error;
  };

  /** With its entrypoint, a sandbox needs a while to become what it is kept warm for. */
  const freezeDue = async (pool: Pool, warm: readonly SandboxRecord[]): Promise<void> => {
    const waits = pool.template.entrypoint === undefined ? 0 : settleMs;
    const running = warm.filter(({ state, operation }) => state === 'running' && operation === undefined);
    const now = context.clock.now();
    for (const { id } of running) if (!runningSince.has(id)) runningSince.set(id, now);
    const dueIn = ({ id }: SandboxRecord): number => (runningSince.get(id) ?? now) + waits - now;
    await Promise.all(running.filter((record) => dueIn(record) <= 0).map(freeze));
    const next = Math.min(...running.map(dueIn).filter((ms) => ms > 0));
    if (Number.isFinite(next)) tendLater(pool.id, next);
  };

  /** Somebody may have claimed it since it was looked at. */
  const freeze = async ({ workspaceId, id }: SandboxRecord): Promise<void> => {
    const record = context.store.byId(workspaceId, id);
    if (record === undefined || !isWarm(record) || record.state !== 'running') return;
    await standStill(context, record);
  };

  const endAll = async (records: readonly SandboxRecord[]): Promise<void> => {
    const results = await Promise.allSettled(records.map(end));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
  };

  const end = async (record: SandboxRecord): Promise<void> => {
    ending.add(record.id);
    try {
      await terminateSandbox(context, record, { reason: 'pool_upkeep' });
    } finally {
      ending.delete(record.id);
    }
  };

  const dissolve = async (pool: Pool, warm: readonly SandboxRecord[]): Promise<void> => {
    await endAll(warm);
    if (context.store.isPoolEmpty(pool.id)) pools.remove(pool.id);
  };

  const isDead = async ({ slotId, state }: SandboxRecord): Promise<boolean> =>
    state !== 'pending' && (slotId === undefined || (await context.driver.state(slotId)) !== 'running');

  const review = async (): Promise<void> => {
    context.store.forgetEndedWarm();
    for (const { id } of pools.all()) {
      for (const record of context.store.inPool(id).filter(isWarm))
        if (await isDead(record)) await end(record);
      tendLater(id, 0);
    }
  };

  const reviewSafely = (): void => {
    review().catch((err: unknown) => context.log.warn({ err }, 'cannot look after the pools'));
  };

  return {
    /** Brings a pool to what it should be; resolves when nothing is left to do, or when that has failed. */
    tend,
    tendLater,
    /** Why a pool has fewer warm sandboxes than it should. */
    errorOf: (poolId: string): string | undefined => cares.get(poolId)?.error,
    /** A sandbox has ended: its place can be filled. A warm one that died by itself may do so again at once. */
    gone: ({ workspaceId, id }: SandboxRecord): void => {
      runningSince.delete(id);
      const pool = context.store.byId(workspaceId, id)?.pool;
      if (pool === undefined || ending.has(id)) return;
      if (!pool.isWarm) return tendLater(pool.id);
      if (isOpen) failed(pool.id, careOf(pool.id), new Error('a warm sandbox has ended by itself'));
    },
    open: (): void => {
      isOpen = true;
      reviewSafely();
      reviewTimer = setInterval(reviewSafely, reviewEveryMs ?? REVIEW_EVERY_MS).unref();
    },
    close: (): void => {
      isOpen = false;
      clearInterval(reviewTimer);
      for (const { timer } of cares.values()) clearTimeout(timer);
    },
  };
}
