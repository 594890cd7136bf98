import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { writeEnd } from './ending.ts';
import { guard } from './guard.ts';
import { isEnded } from './lifecycle.ts';
import { acquireRootfs } from './rootfs.ts';
import { freeSlotOf } from './start.ts';
import { carryOutTerminate } from './terminate.ts';

/** What a start found of an earlier process. */
export interface Reconciled {
  adopted: number;
  ended: number;
  freedSlots: number;
}

/**
 * Makes records and host agree after any end of the earlier process: intents are finished or undone, running
 * sandboxes are adopted, and what no record owns is freed. Runs before the first request is answered.
 */
export async function reconcile(context: SandboxContext): Promise<Reconciled> {
  const records = context.store.unsettled();
  const results = await Promise.all(records.map((record) => settle(context, record)));
  const owned = new Set(context.store.unsettled().flatMap(({ slotId }) => slotId ?? []));
  const freedSlots = await freeUnowned(context, owned);
  const inUse = [...context.live.values()].map(({ rootfs }) => rootfs.path);
  await context.images.reconcileMounts(inUse);
  return {
    adopted: results.filter((result) => result === 'adopted').length,
    ended: results.filter((result) => result === 'ended').length,
    freedSlots,
  };
}

async function settle(context: SandboxContext, record: SandboxRecord): Promise<'adopted' | 'ended'> {
  if (record.operation === 'terminate') {
    await carryOutTerminate(context, record, { reason: 'terminated' });
    return 'ended';
  }
  const settled = await settleStandstill(context, record);
  if (await adopt(context, settled)) return 'adopted';
  if (isEnded(settled.state)) await freeSlotOf(context, settled);
  else await end(context, settled);
  return 'ended';
}

/** A suspend that was cut is undone, a resume is finished: either way the sandbox goes on. */
async function settleStandstill(context: SandboxContext, record: SandboxRecord): Promise<SandboxRecord> {
  const { operation, ...settled } = record;
  if ((operation !== 'suspend' && operation !== 'resume') || record.slotId === undefined) return record;
  await context.driver.thaw(record.slotId);
  context.store.change(record, operation, { state: 'running', operation: null });
  return { ...settled, state: 'running' };
}

/** Takes over a sandbox that an earlier process left running or frozen. */
async function adopt(context: SandboxContext, record: SandboxRecord): Promise<boolean> {
  const { slotId, endpoint, state } = record;
  const isAlive = record.operation === undefined && (state === 'running' || state === 'suspended');
  if (!isAlive || slotId === undefined || endpoint === undefined) return false;
  if ((await context.driver.state(slotId)) !== 'running') return false;
  try {
    await context.network.adopt(slotId, endpoint, record.internet);
    const rootfs = await acquireRootfs(context, record);
    if (state === 'running') guard(context, record, rootfs);
    else context.live.set(record.id, { incarnation: record.incarnation, rootfs, unwatch: () => {} });
    return true;
  } catch (error) {
    context.log.error({ sandboxId: record.id, err: error }, 'cannot adopt a sandbox that runs');
    return false;
  }
}

/** A create that was cut, or a runtime that ended while nobody watched. */
async function end(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const cut = record.state === 'pending';
  await freeSlotOf(context, record);
  if (cut) {
    const error = 'the server ended while the sandbox was being created';
    return writeEnd(context, record, record.operation, 'failed', { reason: 'server_restarted', error });
  }
  const error = 'the runtime ended while the server was down';
  writeEnd(context, record, record.operation, 'terminated', { reason: 'runtime_lost', error });
}

/** Slots that were ready, or that a create had not named yet, and identity folders without a sandbox. */
async function freeUnowned(context: SandboxContext, owned: ReadonlySet<string>): Promise<number> {
  const [runtime, network, identities] = await Promise.all([
    context.driver.list(),
    context.network.list(),
    context.identities.list(),
  ]);
  const unowned = [...new Set([...runtime, ...network])].filter((slotId) => !owned.has(slotId));
  const freed = await Promise.allSettled(unowned.map((slotId) => context.pool.free(slotId)));
  for (const result of freed) {
    if (result.status === 'rejected') context.log.error({ err: result.reason }, 'cannot free a slot');
  }
  await Promise.all(identities.filter((id) => !owned.has(id)).map((id) => context.identities.remove(id)));
  return unowned.length;
}
