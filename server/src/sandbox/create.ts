import { ApiError } from '@atoll/protocol';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { writeEnd } from './ending.ts';

/**
 * From intent to result. Whatever fails, the wait for a turn included, the record says so and lets go of its name and
 * image. The cause is logged here because the caller may have lost patience.
 */
export async function carryOutCreate(
  context: SandboxContext,
  record: SandboxRecord,
  start: () => Promise<SandboxRecord>,
): Promise<SandboxRecord> {
  try {
    return await start();
  } catch (error) {
    writeFailure(context, record, error);
    throw error;
  }
}

/** Unless a terminate has taken over. What cannot be written now is left to the recovery. */
function writeFailure(context: SandboxContext, record: SandboxRecord, error: unknown): void {
  const log = context.log.child({ sandboxId: record.id });
  context.activity.forget(record.id);
  try {
    if (context.store.byId(record.workspaceId, record.id)?.operation !== 'create') return;
    log.error({ err: error }, 'a sandbox did not start');
    writeEnd(context, record, 'create', 'failed', {
      reason: 'start_failed',
      error: error instanceof ApiError ? error.message : 'the sandbox did not start',
    });
  } catch (err) {
    log.error({ err }, 'cannot write that a sandbox did not start');
  }
}

/** A create that a terminate overtook is not an internal failure: say who ended it. */
export function explainFailure(context: SandboxContext, record: SandboxRecord, error: unknown): never {
  if (error instanceof ApiError) throw error;
  const current = context.store.byId(record.workspaceId, record.id);
  if (current?.operation === 'terminate' || current?.state === 'terminated') {
    throw new ApiError('conflict', `sandbox ${record.id} was terminated while it started`, { cause: error });
  }
  throw new ApiError('start_failed', `sandbox ${record.id} did not start`, {
    cause: error,
    hint: 'The server log has the cause; `atoll doctor` checks the host.',
  });
}
