import type { SandboxContext } from './context.ts';
import type { SandboxRequest } from './request.ts';
import { restoreHost } from './restore.ts';
import { requireCheckpoints } from './checkpoint.ts';

/** Refuses a create from memory that this host cannot restore, before there is a sandbox of it. */
export async function requireRestorable(
  context: SandboxContext,
  workspaceId: string,
  { snapshotId, snapshotPart }: Pick<SandboxRequest, 'snapshotId' | 'snapshotPart'>,
): Promise<void> {
  if (snapshotId === undefined) return;
  const { memory } = context.snapshots.findReady(workspaceId, snapshotId, snapshotPart);
  if (memory === undefined) return;
  requireCheckpoints(context);
  await context.checkpoints.requireFit(memory.checkpointId, await restoreHost(context.driver));
}
