import { snapshotHolder } from '../snapshot/snapshots.ts';
import type { SnapshotRecord } from '../snapshot/snapshot-records.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { handOver, isOnDisk, keepCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';

/**
 * Takes the memory of a sandbox for a snapshot: a checkpoint that the snapshot holds from the write on that makes it
 * `local_ready`. One that runs goes on, one that stands still keeps still, and one that sleeps on disk has its checkpoint
 * already, which both hold from then on.
 */
export async function takeMemory(
  context: SandboxContext,
  record: SandboxRecord,
  snapshot: SnapshotRecord,
  signal: AbortSignal,
): Promise<void> {
  if (isOnDisk(record) && record.checkpointId !== undefined)
    shareCheckpoint(context, record.checkpointId, snapshot);
  else await takeCheckpoint(context, record, snapshot, signal);
  context.flush();
}

function shareCheckpoint(context: SandboxContext, checkpointId: string, snapshot: SnapshotRecord): void {
  const { checkpoints, snapshots } = context;
  const sizeBytes = checkpoints.find(checkpointId)?.sizeBytes ?? 0;
  context.transaction(() => {
    checkpoints.hold(checkpointId, snapshotHolder(snapshot.id));
    snapshots.storeMemory(snapshot, { id: checkpointId, sizeBytes });
  });
}

async function takeCheckpoint(
  context: SandboxContext,
  record: SandboxRecord,
  snapshot: SnapshotRecord,
  signal: AbortSignal,
): Promise<void> {
  const written = await writeCheckpoint(context, record, { leaveRunning: true }, signal);
  const keep = (): boolean => {
    context.snapshots.storeMemory(snapshot, written);
    keepCheckpoint(context, record, written, snapshotHolder(snapshot.id));
    return true;
  };
  await handOver(context, written, () => context.transaction(keep));
}
