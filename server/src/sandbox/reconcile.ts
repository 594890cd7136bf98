import { ApiError } from '@atoll/protocol';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { isOnDisk } from './checkpoint.ts';
import { settleVolumes } from './attach-volume.ts';
import type { SandboxContext } from './context.ts';
import { writeEnd } from './ending.ts';
import type { Ending } from './ending.ts';
import { guard } from './guard.ts';
import { policyOf } from './network-rules.ts';
import { isEnded } from './lifecycle.ts';
import { endRollback } from './rollback.ts';
import { acquireRootfs } from './rootfs.ts';
import { freeSlotOf } from './start.ts';
import { carryOutTerminate } from './terminate.ts';

/** What a start found of an earlier process. */
export interface Reconciled {
  adopted: number;
  ended: number;
  /** Left as they are for now: the host did not do what was asked for. */
  stuck: number;
  freedSlots: number;
}

/**
 * Makes records and host agree after any end of the earlier process: intents are finished or undone, running
 * sandboxes are adopted, and what no record owns is freed. Runs before the first request is answered.
 */
export async function reconcile(context: SandboxContext): Promise<Reconciled> {
  context.snapshots.reconcile();
  await context.checkpoints.reconcile();
  const records = context.store.unsettled();
  requireOwnRuntime(context, records);
  const results = await Promise.all(records.map((record) => settleOrKeep(context, record)));
  const owned = new Set(context.store.unsettled().flatMap(({ slotId }) => slotId ?? []));
  const freedSlots = await freeUnowned(context, owned);
  const inUse = [...context.live.values()].map(({ rootfs }) => rootfs.path);
  await context.images.reconcileMounts(inUse);
  await context.volumes.unmountIdle();
  return {
    adopted: results.filter((result) => result === 'adopted').length,
    ended: results.filter((result) => result === 'ended').length,
    stuck: results.filter((result) => result === 'stuck').length,
    freedSlots,
  };
}

/** What another driver left on the host is nothing that this one can find, so it would run on for ever. */
function requireOwnRuntime(context: SandboxContext, records: readonly SandboxRecord[]): void {
  const foreign = records.filter(({ runtime }) => runtime !== context.driver.name);
  const [first] = foreign;
  if (first === undefined) return;
  throw new ApiError(
    'conflict',
    `${foreign.length} sandboxes of this data directory live on runtime ${first.runtime}: start with ` +
      `--runtime ${first.runtime} and terminate them, or choose another --data-dir`,
  );
}

/** One sandbox that the host cannot free keeps nobody from the others; the recovery tries it again. */
async function settleOrKeep(
  context: SandboxContext,
  record: SandboxRecord,
): Promise<'adopted' | 'ended' | 'stuck'> {
  const cut = {
    reason: 'server_restarted',
    error: 'the server ended while the sandbox was being created',
  };
  try {
    return await settle(context, record, cut);
  } catch (err) {
    context.log.error({ sandboxId: record.id, err }, 'cannot settle a sandbox of an earlier process');
    return 'stuck';
  }
}

/** Brings a record and the host to agree. `cut` is how a create ends that nobody carries out any more. */
export async function settle(
  context: SandboxContext,
  record: SandboxRecord,
  cut: Ending,
): Promise<'adopted' | 'ended'> {
  if (record.operation === 'terminate') {
    await carryOutTerminate(context, record, { reason: 'terminated' });
    return 'ended';
  }
  const settled = await settleStandstill(context, await settleSnapshot(context, record));
  if (isOnDisk(settled)) {
    await freeSlotOf(context, settled);
    return 'adopted';
  }
  if (await adopt(context, settled)) return 'adopted';
  if (isEnded(settled.state)) await freeSlotOf(context, settled);
  else await end(context, settled, cut);
  return 'ended';
}

/** A rollback that was cut has changed nothing. Of a snapshot (snapshots.reconcile); the sandbox may still stand still for it. */
async function settleSnapshot(context: SandboxContext, record: SandboxRecord): Promise<SandboxRecord> {
  const { operation, ...settled } = record;
  if (operation === 'rollback') {
    endRollback(context, record);
    return settled;
  }
  if (operation !== 'snapshot') return record;
  const slotId = await slotInMemory(context, record);
  if (slotId !== undefined) {
    if (record.state === 'running') await context.driver.thaw(slotId);
    else await context.driver.freeze(slotId);
  }
  context.store.change(record, operation, { operation: null });
  return settled;
}

/** Where it is in memory, to be stopped and let go on; nowhere where its runtime has died as well. */
async function slotInMemory({ driver }: SandboxContext, record: SandboxRecord): Promise<string | undefined> {
  const { slotId } = record;
  if (slotId === undefined || isOnDisk(record)) return undefined;
  return (await driver.state(slotId)) === 'running' ? slotId : undefined;
}

/**
 * A suspend that was cut is undone, a resume in memory is finished: either way the sandbox goes on. Whatever else was cut
 * in the middle is undone: what sleeps goes on sleeping where it did, what runs goes on running.
 */
async function settleStandstill(context: SandboxContext, record: SandboxRecord): Promise<SandboxRecord> {
  const { operation, ...settled } = record;
  if (operation === undefined || operation === 'create' || operation === 'terminate') return record;
  const goesOn = operation !== 'hibernate' && !isOnDisk(record);
  const slotId = await slotInMemory(context, record);
  if (slotId !== undefined) {
    await context.driver.thaw(slotId);
    if (!goesOn) await context.driver.freeze(slotId);
  }
  const state = goesOn ? 'running' : 'suspended';
  context.store.change(record, operation, { state, operation: null });
  return { ...settled, state };
}

/** Takes over a sandbox that runs or is frozen and that nobody watches: an earlier process left it, or its suspend failed. */
async function adopt(context: SandboxContext, record: SandboxRecord): Promise<boolean> {
  const { slotId, endpoint, state } = record;
  const isAlive = record.operation === undefined && (state === 'running' || state === 'suspended');
  if (!isAlive || slotId === undefined || endpoint === undefined) return false;
  if ((await context.driver.state(slotId)) !== 'running') return false;
  try {
    const held = context.live.get(record.id);
    held?.unwatch();
    if (held === undefined) await context.network.adopt(slotId, endpoint, policyOf(context.openings, record));
    const rootfs = held?.rootfs ?? (await acquireRootfs(context, record));
    if (state === 'running') {
      guard(context, record, rootfs);
      await settleVolumes(context, record).catch((err: unknown) =>
        context.log.error({ sandboxId: record.id, err }, 'a volume is neither attached nor detached'),
      );
    } else
      context.live.set(record.id, {
        since: context.clock.now(),
        incarnation: record.incarnation,
        rootfs,
        unwatch: () => {},
      });
    return true;
  } catch (error) {
    context.log.error({ sandboxId: record.id, err: error }, 'cannot adopt a sandbox that runs');
    return false;
  }
}

/** A create that was cut, or a runtime that ended while nobody watched. */
async function end(context: SandboxContext, record: SandboxRecord, cut: Ending): Promise<void> {
  await freeSlotOf(context, record);
  context.live.delete(record.id);
  if (record.state === 'pending') return writeEnd(context, record, record.operation, 'failed', cut);
  const ending = { reason: 'runtime_lost', error: 'the runtime ended while the server was down' };
  // Its slot is gone, and what restores it begins when everything is settled.
  const isRestorable = record.state === 'running' && record.operation === undefined;
  if (record.onCrash === 'restore' && isRestorable) return context.onAgentLost(record, ending);
  writeEnd(context, record, record.operation, 'terminated', ending);
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
  const folders = identities.filter((id) => !owned.has(id));
  const removed = await Promise.allSettled(folders.map((id) => context.identities.remove(id)));
  for (const result of [...freed, ...removed]) {
    if (result.status === 'rejected') context.log.error({ err: result.reason }, 'cannot free a slot');
  }
  return unowned.length;
}
