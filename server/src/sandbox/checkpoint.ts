import { ApiError } from '@atoll/protocol';
import type { CheckpointFacts, CheckpointHolder, WrittenCheckpoint } from '../checkpoint/checkpoint-store.ts';
import { readCpuFeatures } from '../checkpoint/cpu-features.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';
import type { SandboxOperation, SandboxRecord } from '../store/sandbox-store.ts';
import { stage } from '../lib/stage.ts';
import type { SandboxContext } from './context.ts';

/** What keeps the checkpoint of a suspended sandbox. */
export const sleepHolder = ({ id }: Pick<SandboxRecord, 'id'>): CheckpointHolder => ({ kind: 'sandbox', id });

/** Whether the memory of a suspended sandbox is on disk rather than in memory. */
export const isOnDisk = ({ state, checkpointId }: SandboxRecord): boolean =>
  state === 'suspended' && checkpointId !== undefined;

/** The memory that whatever goes on from a checkpoint begins with: files, which are in there too, go back to the disk. */
export const memoryOfCheckpoint = (
  { checkpoints }: Pick<SandboxContext, 'checkpoints'>,
  checkpointId: string,
  { memoryMb }: SandboxRecord['limits'],
): number => Math.min(checkpoints.find(checkpointId)?.sizeBytes ?? 0, memoryMb * 2 ** 20);

export const canCheckpoint = ({ driver }: SandboxContext): boolean => driver.capabilities.memorySnapshot;

/**
 * Whether a sandbox may sleep on disk. Memory that knows open files of a shared volume cannot be restored once others have
 * changed those, so one that has such a volume sleeps in memory alone.
 */
export const maySleepOnDisk = (context: SandboxContext, { volumes = [] }: SandboxRecord): boolean =>
  canCheckpoint(context) && !volumes.some(({ isShared }) => isShared);

/** Refused before anything is done, in the words of the driver. */
export function requireCheckpoints({ driver }: Pick<SandboxContext, 'driver'>): void {
  if (driver.capabilities.memorySnapshot) return;
  throw new ApiError(
    'unsupported',
    `the runtime ${driver.name} cannot write the memory of a sandbox to disk`,
    {
      hint: 'The runtime gvisor can: start the server with `--runtime gvisor`.',
    },
  );
}

/** How a checkpoint is written. */
export interface Writing {
  leaveRunning: boolean;
  /** Told when it begins, once there is room for it. */
  onBegin?: () => void;
}

/**
 * Files that nobody owns yet. Unless it is to go on, the sandbox stands still afterwards. One that waits for its turn, or
 * for which there is no room, goes on as it did.
 */
export async function writeCheckpoint(
  context: SandboxContext,
  record: SandboxRecord,
  writing: Writing,
  signal: AbortSignal,
): Promise<WrittenCheckpoint> {
  const { slotId, workspaceId, limits } = record;
  if (slotId === undefined) throw new Error(`sandbox ${record.id} runs nowhere`);
  const facts = await factsOf(context, record);
  const size = {
    // With what the runtime itself has of it.
    mostBytes: (2 * limits.memoryMb + limits.diskMb) * 2 ** 20,
    estimateBytes: () => estimateBytes(context.driver, slotId),
  };
  return context.room.write({ workspaceId, ...size, signal }, () => {
    writing.onBegin?.();
    return writeFiles(context, { slotId, facts, leaveRunning: writing.leaveRunning }, signal);
  });
}

const factsOf = async (
  { driver }: SandboxContext,
  { id, workspaceId, incarnation, agentDigest, manifestDigest, limits }: SandboxRecord,
): Promise<CheckpointFacts> => ({
  sandboxId: id,
  workspaceId,
  incarnation,
  runtime: driver.name,
  runtimeVersion: await driver.version(),
  cpuFeatures: await readCpuFeatures(),
  agentDigest,
  manifestDigest,
  limits,
});

/** About what a checkpoint of a slot takes on the disk: its memory, and what it has changed of its files. */
async function estimateBytes(driver: RuntimeDriver, slotId: string): Promise<number> {
  const [{ memoryBytes }, diskBytes = 0] = await Promise.all([
    driver.stats(slotId),
    driver.diskBytes(slotId).catch(() => undefined),
  ]);
  return memoryBytes + diskBytes;
}

interface SlotWriting {
  slotId: string;
  facts: CheckpointFacts;
  leaveRunning: boolean;
}

async function writeFiles(
  { driver, checkpoints }: SandboxContext,
  { slotId, facts, leaveRunning }: SlotWriting,
  signal: AbortSignal,
): Promise<WrittenCheckpoint> {
  try {
    return await stage('checkpoint', () =>
      checkpoints.write(
        facts,
        (dir) => stage('runtime', () => driver.checkpoint(slotId, dir, { leaveRunning }, signal)),
        signal,
      ),
    );
  } catch (cause) {
    signal.throwIfAborted();
    throw new ApiError(
      'checkpoint_failed',
      `sandbox ${facts.sandboxId} was not written to disk: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** What a client may know of it: paths and programs of the host stay in the log. */
const reasonOf = (cause: unknown): string =>
  /no space left|ENOSPC/i.test(String(cause)) ? 'the disk is full' : 'the runtime could not write it';

/**
 * Lets `commit` keep what was written, and answers whether it did: it answers false where somebody else has taken the
 * sandbox over, and throws where the disk takes no record any more. Then nothing stays of the files either.
 */
export async function handOver(
  { checkpoints }: SandboxContext,
  written: WrittenCheckpoint,
  commit: () => boolean,
): Promise<boolean> {
  let isKept = false;
  try {
    return (isKept = commit());
  } finally {
    if (!isKept) await checkpoints.discard(written);
  }
}

/** Gives what was written to its first holder and keeps the image with it. Within the transaction of that holder. */
export function keepCheckpoint(
  context: SandboxContext,
  record: SandboxRecord,
  written: WrittenCheckpoint,
  holder: CheckpointHolder,
): void {
  context.checkpoints.commit(written, holder);
  context.images.addReference(record.manifestDigest, { kind: 'checkpoint', id: written.id });
}

/**
 * Writes that a sandbox sleeps on disk, and in no slot any more. After a loss of power too: its memory is given up next.
 * Answers false when somebody else has taken the sandbox over meanwhile.
 */
export function settleOnDisk(
  context: SandboxContext,
  record: SandboxRecord,
  during: Extract<SandboxOperation, 'suspend' | 'hibernate'>,
  written: WrittenCheckpoint,
): boolean {
  const settled = context.transaction(() => {
    const changed = context.store.change(record, during, {
      state: 'suspended',
      operation: null,
      checkpointId: written.id,
      slotId: null,
      error: null,
      ...(during === 'suspend' && { suspendedAt: context.clock.now() }),
    });
    if (changed) keepCheckpoint(context, record, written, sleepHolder(record));
    return changed;
  });
  if (settled) context.flush();
  return settled;
}
