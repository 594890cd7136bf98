import { ApiError } from '@atoll/protocol';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { memoryOfCheckpoint } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { restoreSandbox } from './restore.ts';

/**
 * Lets the processes of a sandbox that sleeps on disk go on in a new incarnation; the files on disk go once it runs. What
 * fails leaves it asleep.
 */
export async function wakeFromDisk(
  context: SandboxContext,
  record: SandboxRecord,
  checkpointId: string,
  signal: AbortSignal,
): Promise<void> {
  const memoryBytes = memoryOfCheckpoint(context, checkpointId, record.limits);
  await context.inTurn(record.workspaceId, signal, () =>
    context.room.withMemory(memoryBytes, () => wakeInTurn(context, record, checkpointId, signal)),
  );
  void context.checkpoints.sweep();
}

async function wakeInTurn(
  context: SandboxContext,
  record: SandboxRecord,
  checkpointId: string,
  signal: AbortSignal,
): Promise<void> {
  const next = context.store.nextIncarnation(record, 'resume');
  if (next === undefined) throw signal.reason ?? new Error(`sandbox ${record.id} is no longer being resumed`);
  const source = { checkpointId, isCopy: false, operation: 'resume' } as const;
  try {
    await restoreSandbox(context, next, source, signal);
  } catch (error) {
    throw error instanceof ApiError || signal.aborted ? error : explain(context, record, checkpointId, error);
  }
}

/** Its files need their place beside the checkpoint. What the host keeps for itself is theirs too: to sleep on helps nobody. */
function explain(
  { room, checkpoints }: SandboxContext,
  { id }: SandboxRecord,
  checkpointId: string,
  cause: unknown,
): ApiError {
  if (room.freeDiskBytes() < (checkpoints.find(checkpointId)?.sizeBytes ?? 0))
    return new ApiError(
      'host_out_of_disk',
      `the disk is too full for the files of sandbox ${id}, which sleeps on`,
      {
        cause,
      },
    );
  return new ApiError('start_failed', `sandbox ${id} did not wake, and sleeps on`, {
    cause,
    hint: 'The server log has the cause; `atoll doctor` checks the host.',
  });
}
