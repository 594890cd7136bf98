import { ApiError } from '@atoll/protocol';
import { announceRestored } from '../agent/restored.ts';
import { agentToken } from '../agent/token.ts';
import type { RestoreHost } from '../checkpoint/checkpoint-store.ts';
import type { NamedManifest } from '../image/image-store.ts';
import { stage, stagesSoFar } from '../lib/stage.ts';
import type { RuntimeDriver, SandboxSpec, Slot, SlotEndpoint } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { sleepHolder } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { guard } from './guard.ts';
import { applyRules } from './network-rules.ts';
import { acquireRootfs, releaseRootfs } from './rootfs.ts';
import type { SandboxRootfs } from './rootfs.ts';
import { claimSlot, fillIdentity, freeAfterFailure, freeSlotOf, specOf } from './start.ts';
import type { SlotPool } from './slot-pool.ts';

/** What a sandbox goes on from. */
export interface RestoreSource {
  checkpointId: string;
  /** It takes the memory of another sandbox. */
  isCopy: boolean;
  operation: 'create' | 'resume';
}

interface Opened {
  dir: string;
  takenAt: number;
  image: NamedManifest;
  rootfs: SandboxRootfs;
}

type Restore = RestoreSource & Opened;

/**
 * Lets what a checkpoint holds go on as this incarnation of a sandbox: verified files, a slot made for it, an identity of
 * its own, and an agent that has taken it over before the record says where it is reached.
 */
export async function restoreSandbox(
  context: SandboxContext,
  record: SandboxRecord,
  source: RestoreSource,
  signal: AbortSignal,
): Promise<SandboxRecord> {
  const opened = await stage('checkpoint', () =>
    openForRestore(context, record, source.checkpointId, signal),
  );
  const { rootfs } = opened;
  const restore = { ...source, ...opened };
  try {
    const running = await restoreOnce(context, record, restore, context.pool.take, signal).catch(
      (error: unknown) => restoreAgain(context, record, restore, signal, error),
    );
    guard(context, running, rootfs);
    return running;
  } catch (error) {
    await freeAfterFailure(context, record, source.operation);
    await releaseRootfs(context, rootfs);
    throw error;
  }
}

/** Verified files, and the layers below them; the caller releases these. */
export async function openForRestore(
  context: SandboxContext,
  record: SandboxRecord,
  checkpointId: string,
  signal: AbortSignal,
  options?: { isQuiet: boolean },
): Promise<Opened> {
  const { driver } = context;
  const host = await restoreHost(driver);
  const { dir, manifest } = await context.checkpoints.open(checkpointId, host, signal);
  const runnable = context.images.resolveManifest(record.manifestDigest);
  const rootfs = await acquireRootfs(context, record, options);
  const image = { ...runnable, canonicalName: record.image };
  return { dir, takenAt: manifest.createdAt, image, rootfs };
}

/** What checkpoints have to fit here. */
export const restoreHost = async (driver: RuntimeDriver): Promise<RestoreHost> => ({
  runtime: driver.name,
  runtimeVersion: await driver.version(),
});

/** Writes the identity of this incarnation for a slot and answers what the runtime is told. */
export async function specInSlot(
  context: SandboxContext,
  record: SandboxRecord,
  { image, rootfs }: Pick<Opened, 'image' | 'rootfs'>,
  slot: Slot,
): Promise<SandboxSpec> {
  const identityDir = await fillIdentity(context, record, image, slot);
  return specOf(context, record, { rootfs, identityDir, needs: image.needs });
}

/** A slot may have died while it waited to be used. */
async function restoreAgain(
  context: SandboxContext,
  record: SandboxRecord,
  restore: Restore,
  signal: AbortSignal,
  error: unknown,
): Promise<SandboxRecord> {
  signal.throwIfAborted();
  if (error instanceof ApiError) throw error;
  context.log.warn({ sandboxId: record.id, err: error }, 'restore failed; trying another slot');
  await freeSlotOf(context, record);
  return restoreOnce(context, record, restore, context.pool.takeFresh, signal);
}

async function restoreOnce(
  context: SandboxContext,
  record: SandboxRecord,
  restore: Restore,
  take: SlotPool['take'],
  signal: AbortSignal,
): Promise<SandboxRecord> {
  const { dir, image, rootfs, operation, isCopy } = restore;
  const claim = { operation, needs: image.needs, purpose: 'restore' } as const;
  const slot = await stage('slot', () => claimSlot(context, record, claim, take, signal));
  await stage('network', () => applyRules(context, record, slot.id));
  const spec = await stage('identity', () => specInSlot(context, record, { image, rootfs }, slot));
  const endpoint = await stage('runtime', () => context.driver.restore(slot, spec, dir, signal));
  const suspendedMs = Math.max(0, context.clock.now() - (record.suspendedAt ?? restore.takenAt));
  const token = agentToken(context.serverKey, record.id, record.incarnation);
  await stage('agent', () => announceRestored(endpoint, token, { suspendedMs, isCopy }, signal));
  settle(context, record, { operation, endpoint, signal });
  const { operation: _, checkpointId: __, ...settled } = record;
  return { ...settled, state: 'running', endpoint, slotId: slot.id };
}

interface Settled {
  operation: RestoreSource['operation'];
  endpoint: SlotEndpoint;
  signal: AbortSignal;
}

function settle(
  context: SandboxContext,
  record: SandboxRecord,
  { operation, endpoint, signal }: Settled,
): void {
  const change = {
    state: 'running',
    operation: null,
    endpoint,
    checkpointId: null,
    error: null,
    // How it came to be stays; how it woke the last time is told to who asked for it.
    ...(operation === 'create' && { startStages: stagesSoFar() }),
  } as const;
  const written = context.transaction(() => {
    const changed = context.store.change(record, operation, change);
    if (changed && operation === 'resume') context.checkpoints.release(sleepHolder(record));
    return changed;
  });
  if (!written) throw signal.reason ?? new Error(`sandbox ${record.id} is no longer being restored`);
}
