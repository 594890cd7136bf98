import { ApiError } from '@atoll/protocol';
import { announceRestored } from '../agent/restored.ts';
import { agentToken } from '../agent/token.ts';
import type { OpenedCheckpoint } from '../checkpoint/checkpoint-store.ts';
import type { NamedManifest } from '../image/image-store.ts';
import type { Slot, SlotEndpoint } from '../runtime/driver.ts';
import type { SnapshotKind } from '../snapshot/snapshot-records.ts';
import type { ReadySnapshot } from '../snapshot/snapshots.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { sleepHolder } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { imageHolder } from './ending.ts';
import { guard } from './guard.ts';
import { operations } from './lifecycle.ts';
import { applyRules } from './network-rules.ts';
import { showLateVolumes } from './late-volumes.ts';
import { requireActive } from './require-active.ts';
import { acquireRootfs, releaseRootfs } from './rootfs.ts';
import { restoreHost } from './restore.ts';
import type { SandboxRootfs } from './rootfs.ts';
import { requireNoVolumes } from './volume-use.ts';
import { requireNeeds } from './runtime-needs.ts';
import { fillIdentity, specOf } from './start.ts';

/** Keeps the image of the snapshot while the sandbox is still the old one. */
const rollbackHolder = ({ id }: SandboxRecord) => ({ kind: 'rollback', id });

/** What to become again. */
export interface RollbackTarget {
  snapshotId: string;
  /** With all that the snapshot holds where absent; else, of one of memory, with its files alone. */
  part?: SnapshotKind;
}

/**
 * Starts a sandbox again from a snapshot, under the same id and name. What it is now goes on until its successor runs,
 * and stays if that does not start; then one write makes the successor the sandbox, and the old one is freed.
 */
export async function rollbackSandbox(
  context: SandboxContext,
  stale: SandboxRecord,
  { snapshotId, part }: RollbackTarget,
): Promise<SandboxRecord> {
  const snapshot = context.snapshots.findReady(stale.workspaceId, snapshotId, part);
  requireActive(stale);
  requireSameSize(stale, snapshot);
  const { from, preempts } = operations.rollback;
  const record = context.transaction(() => {
    if (!context.store.beginOperation(stale, 'rollback', from, preempts)) throw refusal(context, stale);
    // Volumes come and go until here.
    const { operation: _, ...now } = context.store.byId(stale.workspaceId, stale.id) ?? stale;
    if (snapshot.memory) requireNoVolumes(now, 'a rollback to the memory');
    context.images.addReference(snapshot.manifestDigest, rollbackHolder(now));
    if (snapshot.memory) context.checkpoints.hold(snapshot.memory.checkpointId, rollbackHolder(now));
    return now;
  });
  return context.flights.begin(record.id, 'rollback', async (signal) => {
    try {
      return await context.inTurn(record.workspaceId, signal, () =>
        carryOut(context, record, snapshot, signal),
      );
    } catch (error) {
      endRollback(context, record);
      throw explain(record, signal.aborted ? signal.reason : error);
    }
  });
}

/** The sandbox stays what it was. Also what reconcile does for a rollback that an earlier process left. */
export function endRollback(context: SandboxContext, record: SandboxRecord): void {
  context.transaction(() => {
    letGo(context, record);
    context.store.change(record, 'rollback', { operation: null });
  });
  void context.checkpoints.sweep();
}

/** Of what the rollback has kept. */
function letGo({ images, checkpoints }: SandboxContext, record: SandboxRecord): void {
  images.dropReferences(rollbackHolder(record));
  checkpoints.release(rollbackHolder(record));
}

/** The slot of a successor has the size of its memory, and a sandbox keeps the size that it has. */
function requireSameSize(
  { id, limits }: SandboxRecord,
  { id: snapshotId, memory, ...snapshot }: ReadySnapshot,
): void {
  if (memory === undefined) return;
  const isSame = (['cpus', 'memoryMb', 'diskMb'] as const).every(
    (size) => limits[size] === snapshot.limits[size],
  );
  if (isSame) return;
  throw new ApiError(
    'invalid_resources',
    `sandbox ${id} has not the size of the memory in snapshot ${snapshotId}`,
    {
      hint: 'Roll back to its files alone (`--files-only`), or create a sandbox from the snapshot.',
    },
  );
}

/** What takes the place of a sandbox, running and not yet known to anybody. */
interface Successor {
  record: SandboxRecord;
  rootfs: SandboxRootfs;
}

async function carryOut(
  context: SandboxContext,
  record: SandboxRecord,
  snapshot: ReadySnapshot,
  signal: AbortSignal,
): Promise<SandboxRecord> {
  const successor = await startSuccessor(context, record, snapshot, signal);
  const predecessor = context.live.get(record.id);
  predecessor?.unwatch();
  context.onCut(record);
  guard(context, successor.record, successor.rootfs);
  // Rules that were changed while it started went to the old one.
  const { slotId } = successor.record;
  if (slotId !== undefined) await applyRules(context, successor.record, slotId);
  await freeOld(context, record, predecessor?.rootfs);
  return successor.record;
}

/** A slot that nobody owns any more is also freed by the next start of the server. */
async function freeOld(
  context: SandboxContext,
  { slotId }: SandboxRecord,
  rootfs: SandboxRootfs | undefined,
): Promise<void> {
  if (slotId !== undefined) {
    await context.pool.freeSurely(slotId);
    await context.identities.remove(slotId);
  }
  await releaseRootfs(context, rootfs);
  void context.checkpoints.sweep();
}

async function startSuccessor(
  context: SandboxContext,
  record: SandboxRecord,
  snapshot: ReadySnapshot,
  signal: AbortSignal,
): Promise<Successor> {
  const next = successorOf(record, snapshot);
  const image = {
    ...context.images.resolveManifest(snapshot.manifestDigest),
    canonicalName: snapshot.baseImage,
  };
  const needs = requireNeeds(context.driver, image);
  const checkpoint = await openMemory(context, snapshot, signal);
  const rootfs = await acquireRootfs(context, next);
  try {
    const kind = { limits: next.limits, ...(needs && { flavour: needs.flavour }) };
    const slot = await context.pool.take(checkpoint ? { ...kind, purpose: 'restore' } : kind, signal);
    try {
      const place = { slot, rootfs, needs, ...(checkpoint && { checkpoint }) };
      const endpoint = await startIn(context, next, image, place, signal);
      return { record: swap(context, record, { ...next, slotId: slot.id, endpoint }, signal), rootfs };
    } catch (error) {
      await context.pool.freeSurely(slot.id);
      await context.identities.remove(slot.id);
      throw error;
    }
  } catch (error) {
    await releaseRootfs(context, rootfs);
    throw error;
  }
}

function successorOf(record: SandboxRecord, snapshot: ReadySnapshot): SandboxRecord {
  const { operation: _, slotId: _slot, endpoint: _endpoint, checkpointId: _checkpoint, ...kept } = record;
  return {
    ...kept,
    state: 'running',
    incarnation: record.incarnation + 1,
    image: snapshot.baseImage,
    manifestDigest: snapshot.manifestDigest,
    originSnapshotId: snapshot.id,
    ...(snapshot.memory && { agentDigest: snapshot.memory.agentDigest }),
  };
}

/** Its verified files; none where the snapshot is one of files alone. */
async function openMemory(
  { checkpoints, driver }: SandboxContext,
  { memory }: ReadySnapshot,
  signal: AbortSignal,
): Promise<OpenedCheckpoint | undefined> {
  if (memory === undefined) return undefined;
  return checkpoints.open(memory.checkpointId, await restoreHost(driver), signal);
}

interface Place {
  slot: Slot;
  rootfs: SandboxRootfs;
  needs: NamedManifest['needs'];
  checkpoint?: OpenedCheckpoint;
}

async function startIn(
  context: SandboxContext,
  record: SandboxRecord,
  image: NamedManifest,
  { slot, rootfs, needs, checkpoint }: Place,
  signal: AbortSignal,
): Promise<SlotEndpoint> {
  await applyRules(context, record, slot.id);
  const identityDir = await fillIdentity(context, record, image, slot);
  const spec = specOf(context, record, { rootfs, identityDir, needs });
  if (checkpoint === undefined) {
    const endpoint = await context.driver.start(slot, spec, signal);
    await showLateVolumes(context, { ...record, slotId: slot.id, endpoint }, rootfs, signal);
    return endpoint;
  }
  const endpoint = await context.driver.restore(slot, spec, checkpoint.dir, signal);
  const suspendedMs = Math.max(0, context.clock.now() - checkpoint.manifest.createdAt);
  const token = agentToken(context.serverKey, record.id, record.incarnation);
  // What it does from here on it has done before: like a copy it must not repeat what was random.
  await announceRestored(endpoint, token, { suspendedMs, isCopy: true }, signal);
  return endpoint;
}

/** From this write on the successor is the sandbox, also for a server that finds it after a crash. */
function swap(
  context: SandboxContext,
  record: SandboxRecord,
  successor: SandboxRecord,
  signal: AbortSignal,
): SandboxRecord {
  return context.transaction(() => {
    if (!context.store.succeed(record, 'rollback', successor))
      throw signal.reason ?? new Error(`the rollback of sandbox ${record.id} is no longer under way`);
    context.images.dropReferences(imageHolder(record));
    letGo(context, record);
    context.checkpoints.release(sleepHolder(record));
    context.images.addReference(successor.manifestDigest, imageHolder(record));
    return context.store.byId(record.workspaceId, record.id) ?? successor;
  });
}

function explain(record: SandboxRecord, error: unknown): unknown {
  if (error instanceof ApiError) return error;
  return new ApiError('start_failed', `sandbox ${record.id} was not rolled back and is what it was`, {
    cause: error,
    hint: 'The server log has the cause; `atoll doctor` checks the host.',
  });
}

function refusal(context: SandboxContext, record: SandboxRecord): ApiError {
  const current = context.store.byId(record.workspaceId, record.id);
  const what = `cannot roll back sandbox ${record.id}`;
  if (current?.operation !== undefined)
    return new ApiError('conflict', `${what} during its ${current.operation}`);
  return new ApiError('invalid_state', `${what}: it is ${current?.state ?? 'gone'}`);
}
