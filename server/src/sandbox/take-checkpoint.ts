import { ApiError } from '@atoll/protocol';
import type { CheckpointHolder } from '../checkpoint/checkpoint-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { handOver, keepCheckpoint, requireCheckpoints, writeCheckpoint } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { beginOperation, findUnderWay } from './operation.ts';
import { hibernateSandbox } from './suspend.ts';

/** What a checkpoint waits for: each of them ends soon, and leaves a sandbox that can be written. */
const waitedFor = ['checkpoint', 'suspend', 'resume', 'hibernate', 'attach', 'detach'] as const;

/**
 * A checkpoint of a sandbox as it is now, held by `holder`; answers its id. One that runs goes on, and stands still no
 * longer than the writing takes. One that sleeps keeps sleeping: what it is on disk serves both.
 */
export async function takeCheckpoint(
  context: SandboxContext,
  record: SandboxRecord,
  holder: CheckpointHolder,
): Promise<string> {
  requireCheckpoints(context);
  const current = (): SandboxRecord => context.store.byId(record.workspaceId, record.id) ?? record;
  const look = (): Promise<unknown> | undefined => findUnderWay(context, record, waitedFor);
  for (let underWay = look(); underWay; underWay = look()) await underWay.catch(() => {});
  if (current().state !== 'suspended') return takeRunning(context, current(), holder);
  if (current().checkpointId === undefined) await hibernateSandbox(context, current());
  const { checkpointId } = current();
  if (checkpointId === undefined)
    throw new ApiError('conflict', `sandbox ${record.id} was resumed meanwhile`, { hint: 'Try again.' });
  context.checkpoints.hold(checkpointId, holder);
  return checkpointId;
}

const takeRunning = (
  context: SandboxContext,
  record: SandboxRecord,
  holder: CheckpointHolder,
): Promise<string> =>
  beginOperation(context, record, 'checkpoint', {
    work: async (current, signal) => {
      const written = await writeCheckpoint(context, current, { leaveRunning: true }, signal);
      const keep = (): boolean => {
        const changed = context.store.change(current, 'checkpoint', { operation: null });
        if (changed) keepCheckpoint(context, current, written, holder);
        return changed;
      };
      if (await handOver(context, written, () => context.transaction(keep))) return written.id;
      throw signal.reason ?? new Error(`sandbox ${record.id} is no longer being written`);
    },
    undo: (current) => void context.store.change(current, 'checkpoint', { operation: null }),
  });
