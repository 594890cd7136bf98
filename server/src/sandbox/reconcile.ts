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
  if (record.operation === undefined && record.state === 'running' && (await adopt(context, record)))
    return 'adopted';
  if (isEnded(record.state) && record.operation === undefined) await freeSlotOf(context, record);
  else if (record.operation === 'terminate')
    await carryOutTerminate(context, record, { reason: 'terminated' });
  else await end(context, record);
  return 'ended';
}

async function adopt(context: SandboxContext, record: SandboxRecord): Promise<boolean> {
  const { slotId, endpoint } = record;
  if (slotId === undefined || endpoint === undefined) return false;
  if ((await context.driver.state(slotId)) !== 'running') return false;
  try {
    await context.network.adopt(slotId, endpoint, record.internet);
    guard(context, record, await acquireRootfs(context, record));
    return true;
  } catch (error) {
    context.log.error({ sandboxId: record.id, err: error }, 'cannot adopt a running sandbox');
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
