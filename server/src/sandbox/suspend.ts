import { ApiError } from '@atoll/protocol';
import { stage } from '../lib/stage.ts';
import type { SandboxOperation, SandboxRecord, SandboxState } from '../store/sandbox-store.ts';
import { handOver, maySleepOnDisk, settleOnDisk, writeCheckpoint } from './checkpoint.ts';
import type { Writing } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { guard } from './guard.ts';
import { operations } from './lifecycle.ts';
import { beginOperation, findUnderWay, placeOf } from './operation.ts';
import { requireActive } from './require-active.ts';
import { releaseRootfs } from './rootfs.ts';
import { wakeFromDisk } from './wake-from-disk.ts';

/** How deep a suspend goes: in memory it is quick and so is its wake; on disk it costs no memory. */
export type SuspendDepth = 'memory' | 'disk';

/**
 * Stops a named, running sandbox where it is: memory, processes and open files stay. Idempotent. Answers once the suspend
 * has begun, with what it comes to. A runtime that writes no checkpoints keeps it in memory.
 */
export function beginSuspend(
  context: SandboxContext,
  record: SandboxRecord,
  depth: SuspendDepth,
): { done: Promise<void> } {
  if (record.state === 'suspended' && (record.operation ?? 'hibernate') === 'hibernate')
    return { done: depth === 'disk' ? deepen(context, record) : Promise.resolve() };
  if (record.name === undefined) {
    throw new ApiError('invalid_state', `sandbox ${record.id} has no name, so it cannot be suspended`, {
      hint: 'Name it first: `atoll sbx name ID NAME`.',
    });
  }
  return { done: standStillAt(context, record, depth) };
}

/** It is suspended in any case: why it is not on disk, its record says. */
async function deepen(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (maySleepOnDisk(context, record)) await hibernateSandbox(context, record).catch(() => {});
}

/** Stops a running sandbox in memory, whether it has a name or not: what waits in a pool costs no CPU. */
export const standStill = async (context: SandboxContext, record: SandboxRecord): Promise<void> =>
  standStillAt(context, record, 'memory');

/** Throws at once where it may not be begun. */
function standStillAt(context: SandboxContext, record: SandboxRecord, depth: SuspendDepth): Promise<void> {
  const underWay = context.flights.join(record.id, 'suspend');
  if (underWay) return underWay.then(() => {});
  const goesToDisk = (current: SandboxRecord): boolean =>
    depth === 'disk' && maySleepOnDisk(context, current);
  if (goesToDisk(record)) context.room.requireDisk();
  let isBegun = false;
  return beginOperation(context, record, 'suspend', {
    work: (current, signal) => {
      const onBegin = (): void => {
        isBegun = true;
        cutOff(context, current);
      };
      if (goesToDisk(current)) return moveToDisk(context, current, { during: 'suspend', onBegin }, signal);
      onBegin();
      return freeze(context, current);
    },
    undo: (current, error) => (isBegun ? unfreeze : goOn)(context, current, error),
  });
}

export const suspendSandbox = async (
  context: SandboxContext,
  record: SandboxRecord,
  depth: SuspendDepth,
): Promise<void> => beginSuspend(context, record, depth).done;

/** Lets a suspended sandbox go on where it was. Idempotent; many callers at once are one resume. */
export async function resumeSandbox(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (record.state === 'running' && record.operation === undefined) return;
  // What is being written to disk is written first: to wait costs less than to undo it.
  const writing = (): Promise<unknown> | undefined => findUnderWay(context, record, ['hibernate']);
  for (let underWay = writing(); underWay; underWay = writing()) await underWay.catch(() => {});
  const underWay = context.flights.join(record.id, 'resume');
  if (underWay) return void (await underWay);
  const now = context.store.byId(record.workspaceId, record.id) ?? record;
  requireActive(now);
  await beginOperation(context, now, 'resume', {
    work: (current, signal) =>
      current.checkpointId === undefined
        ? run(context, current, 'resume', operations.resume.to)
        : wakeFromDisk(context, current, current.checkpointId, signal),
    undo: async (current, error) => {
      const state = operations.resume.onError;
      context.store.change(current, 'resume', { state, operation: null, error: messageOf(error) });
      await endIfDead(context, current);
    },
  });
}

/**
 * Takes a sandbox that sleeps in memory to the disk. What cannot be written stays in memory. Many callers at once are one
 * hibernation; one that sleeps on disk by now is as it should be.
 */
export async function hibernateSandbox(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const underWay = context.flights.join(record.id, 'hibernate');
  if (underWay) return void (await underWay);
  if (record.checkpointId !== undefined) return;
  await beginOperation(context, record, 'hibernate', {
    work: (current, signal) => moveToDisk(context, current, { during: 'hibernate' }, signal),
    undo: async (current, error) => {
      context.store.change(current, 'hibernate', { operation: null, error: messageOf(error) });
      await endIfDead(context, current);
    },
  });
}

/** Requests that are under way end: their connections would stand still with the sandbox. */
function cutOff(context: SandboxContext, record: SandboxRecord): void {
  placeOf(context, record).live.unwatch();
  context.onCut(record);
}

async function freeze(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const { slotId } = placeOf(context, record);
  await stage('runtime', () => context.driver.freeze(slotId));
  const suspendedAt = context.clock.now();
  context.store.change(record, 'suspend', {
    state: 'suspended',
    operation: null,
    suspendedAt,
    error: null,
  });
}

interface Move extends Pick<Writing, 'onBegin'> {
  during: 'suspend' | 'hibernate';
}

/** The record says that the sandbox is on disk before its memory goes, so that a crash loses neither. */
async function moveToDisk(
  context: SandboxContext,
  record: SandboxRecord,
  { during, ...writing }: Move,
  signal: AbortSignal,
): Promise<void> {
  const written = await writeCheckpoint(context, record, { leaveRunning: false, ...writing }, signal);
  const isSettled = await handOver(context, written, () => settleOnDisk(context, record, during, written));
  if (!isSettled) throw signal.reason ?? new Error(`sandbox ${record.id} is no longer being suspended`);
  const left = leaveMemory(context, record);
  // A volume is left before the sandbox can have it again.
  if (record.volumes !== undefined) await left;
}

/** Its slot is nobody's any more: nothing waits until it is free, least of all the next wake. Never rejects. */
async function leaveMemory(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const { slotId } = record;
  const live = context.live.get(record.id);
  context.live.delete(record.id);
  context.activity.forget(record.id);
  void context.journals.asleep(record.id);
  if (slotId === undefined) return;
  // A volume is waited for.
  await (record.volumes === undefined ? context.pool.freeAside(slotId) : context.pool.freeSurely(slotId));
  await context.identities.remove(slotId).catch(() => {}); // reconcile removes what is left
  await releaseRootfs(context, live?.rootfs);
}

/** What is under way in it has not noticed that somebody asked. */
function goOn(context: SandboxContext, record: SandboxRecord, error: unknown): void {
  const state = operations.suspend.onError;
  context.store.change(record, 'suspend', { state, operation: null, error: messageOf(error) });
}

/** A sandbox in memory goes on; one whose checkpoint was not written says why. */
async function unfreeze(context: SandboxContext, record: SandboxRecord, error: unknown): Promise<void> {
  context.store.change(record, 'suspend', { error: messageOf(error) });
  await run(context, record, 'suspend', operations.suspend.onError);
}

/** Nobody watches one that stands still in memory: that it has died shows once it is to do something. */
async function endIfDead(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const { slotId } = record;
  if (slotId === undefined || record.checkpointId !== undefined) return;
  if ((await context.driver.state(slotId)) !== 'running') context.onAgentLost(record);
}

const messageOf = (error: unknown): string =>
  error instanceof ApiError ? error.message : 'the last suspend or resume failed for a reason of the server';

/** Lets the sandbox go on and watches over it again. */
async function run(
  context: SandboxContext,
  record: SandboxRecord,
  during: SandboxOperation,
  state: SandboxState,
): Promise<void> {
  const { live, slotId } = placeOf(context, record);
  await stage('runtime', () => context.driver.thaw(slotId));
  if (context.store.change(record, during, { state, operation: null })) guard(context, record, live.rootfs);
}
