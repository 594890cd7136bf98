import { ApiError } from '@atoll/protocol';
import { waitAtMost } from '../lib/deadline.ts';
import { stage } from '../lib/stage.ts';
import type { UpperExport } from '../runtime/driver.ts';
import type { SnapshotKind, SnapshotRecord } from '../snapshot/snapshot-records.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { isOnDisk } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { readAsleep } from './read-asleep.ts';
import { operations } from './lifecycle.ts';
import type { MemoryFiles } from './memory-files.ts';
import { takeMemory } from './take-memory.ts';
import { requireNoVolumes } from './volume-use.ts';

/** Clients look once at first and then every second; most snapshots are ready by that first look. */
const PATIENCE_MS = 900;

/**
 * Begins a snapshot of a sandbox that runs or is suspended, and answers its record: soon, or when it is ready. The
 * sandbox stands still while it is read, and then is as before.
 */
export async function takeSnapshot(
  context: SandboxContext,
  record: SandboxRecord,
  kind: SnapshotKind,
  memoryFiles: Pick<MemoryFiles, 'later'>,
  patienceMs = PATIENCE_MS,
): Promise<SnapshotRecord> {
  requireAble(context, kind);
  const { snapshot, taken } = begin(context, record, kind);
  if (kind === 'memory') void taken.then(() => memoryFiles.later(snapshot));
  await waitAtMost(taken, patienceMs);
  return snapshot;
}

/** Writes the intent, and goes on from there. */
function begin(
  context: SandboxContext,
  record: SandboxRecord,
  kind: SnapshotKind,
): { snapshot: SnapshotRecord; taken: Promise<void> } {
  const snapshot = context.transaction(() => {
    const { from, preempts } = operations.snapshot;
    if (!context.store.beginOperation(record, 'snapshot', from, preempts)) throw refusal(context, record);
    // Volumes come and go until here.
    if (kind === 'memory')
      requireNoVolumes(context.store.byId(record.workspaceId, record.id) ?? record, 'a memory snapshot');
    return context.snapshots.begin(record, kind);
  });
  const taken = context.flights.begin(record.id, 'snapshot', (signal) =>
    carryOut(context, record, snapshot, signal),
  );
  return { snapshot, taken };
}

/** From intent to result. Whatever fails, the record says so: who asked for it is no longer there. */
async function carryOut(
  context: SandboxContext,
  record: SandboxRecord,
  snapshot: SnapshotRecord,
  signal: AbortSignal,
): Promise<void> {
  const log = context.log.child({ sandboxId: record.id, snapshotId: snapshot.id });
  try {
    await read(context, record, snapshot, signal);
  } catch (err) {
    log.error({ err }, 'a snapshot was not taken');
    const cause = signal.aborted ? new ApiError('conflict', 'the sandbox was terminated meanwhile') : err;
    attempt(log, () => context.snapshots.fail(snapshot, cause));
  } finally {
    attempt(log, () => context.store.change(record, 'snapshot', { operation: null }));
  }
}

/** What cannot be written now is left to the recovery and to the next start. */
function attempt(log: SandboxContext['log'], write: () => void): void {
  try {
    write();
  } catch (err) {
    log.error({ err }, 'cannot write how a snapshot ended');
  }
}

async function read(
  context: SandboxContext,
  stale: SandboxRecord,
  snapshot: SnapshotRecord,
  signal: AbortSignal,
): Promise<void> {
  const record = context.store.byId(stale.workspaceId, stale.id) ?? stale;
  if (snapshot.kind === 'memory') return takeMemory(context, record, snapshot, signal);
  const { workspaceId, limits } = record;
  const store = (upper: UpperExport): Promise<void> => context.snapshots.store(snapshot, upper, signal);
  const size = {
    mostBytes: limits.diskMb * 2 ** 20,
    estimateBytes: () => estimateFiles(context, record),
  };
  await context.room.write({ workspaceId, ...size, signal }, () => readFiles(context, record, store, signal));
}

/** About what the sandbox has changed of its files; of one that sleeps on disk they are a part of what is there. */
async function estimateFiles(
  { driver, checkpoints }: SandboxContext,
  { slotId, checkpointId }: SandboxRecord,
): Promise<number> {
  if (checkpointId !== undefined) return checkpoints.find(checkpointId)?.sizeBytes ?? 0;
  const bytes = slotId === undefined ? undefined : await driver.diskBytes(slotId).catch(() => undefined);
  return bytes ?? 0;
}

function readFiles(
  context: SandboxContext,
  record: SandboxRecord,
  store: (upper: UpperExport) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { id, slotId, checkpointId } = record;
  if (isOnDisk(record) && checkpointId !== undefined)
    return readAsleep(context, record, checkpointId, store, signal);
  if (slotId === undefined) throw new Error(`sandbox ${id} runs nowhere`);
  return stage('read', () => context.driver.exportUpper(slotId, store, signal));
}

function requireAble({ driver }: SandboxContext, kind: SnapshotKind): void {
  const { filesystemSnapshot, memorySnapshot } = driver.capabilities;
  if (kind === 'filesystem' ? filesystemSnapshot : memorySnapshot) return;
  const able = kind === 'filesystem' ? 'gvisor and native can' : 'gvisor can';
  throw new ApiError('unsupported', `the runtime ${driver.name} takes no ${kind} snapshots; ${able}`, {
    hint:
      driver.name === 'native'
        ? 'Take a filesystem snapshot, or start the server with --runtime gvisor.'
        : 'Start the server with --runtime gvisor.',
  });
}

function refusal(context: SandboxContext, record: SandboxRecord): ApiError {
  const current = context.store.byId(record.workspaceId, record.id);
  const { state = 'gone', operation } = current ?? {};
  const isSettled = operation === undefined || operation === 'create' || operation === 'snapshot';
  const what = `cannot take a snapshot of sandbox ${record.id}`;
  return isSettled
    ? new ApiError('invalid_state', `${what}: it is ${operation === 'snapshot' ? 'snapshotting' : state}`)
    : new ApiError('conflict', `${what} during its ${operation}`);
}
