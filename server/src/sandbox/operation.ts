import { ApiError } from '@atoll/protocol';
import type { SandboxOperation, SandboxRecord } from '../store/sandbox-store.ts';
import type { Live, SandboxContext } from './context.ts';
import { operations } from './lifecycle.ts';

/** An operation that leaves the sandbox where it was when it fails. */
export interface Steps<T> {
  work: (record: SandboxRecord, signal: AbortSignal) => T | Promise<T>;
  undo: (record: SandboxRecord, error: unknown) => void | Promise<void>;
}

/**
 * Begins an operation by one conditional write and runs it as the sandbox's flight; both steps see the record as it is by
 * then. What cannot be undone keeps its intent, and the recovery tries again. Throws at once what the table does not allow.
 */
export function beginOperation<T>(
  context: SandboxContext,
  record: SandboxRecord,
  operation: Exclude<SandboxOperation, 'create' | 'terminate'>,
  { work, undo }: Steps<T>,
): Promise<T> {
  const { from, preempts } = operations[operation];
  if (!context.store.beginOperation(record, operation, from, preempts))
    throw refusal(context, record, operation);
  const current = (): SandboxRecord => context.store.byId(record.workspaceId, record.id) ?? record;
  return context.flights.begin(record.id, operation, async (signal) => {
    try {
      signal.throwIfAborted();
      return await work(current(), signal);
    } catch (error) {
      await attempt(context, record, async () => undo(current(), error));
      // What took over is why it ended, whatever it ended with.
      throw signal.aborted ? signal.reason : error;
    }
  });
}

/**
 * The first of these that is under way, to be waited for. All who wait for it are let go at once, and the first of them
 * begins its own: so who has waited looks again, and awaits nothing between the last look and what is begun after it.
 */
export const findUnderWay = (
  { flights }: Pick<SandboxContext, 'flights'>,
  { id }: Pick<SandboxRecord, 'id'>,
  operations: readonly SandboxOperation[],
): Promise<unknown> | undefined =>
  operations.map((operation) => flights.join(id, operation)).find((flight) => flight !== undefined);

async function attempt(
  context: SandboxContext,
  record: SandboxRecord,
  undo: () => Promise<void>,
): Promise<void> {
  try {
    await undo();
  } catch (err) {
    context.log.error({ sandboxId: record.id, err }, 'a sandbox is neither suspended nor running');
  }
}

function refusal(context: SandboxContext, record: SandboxRecord, operation: SandboxOperation): ApiError {
  const current = context.store.byId(record.workspaceId, record.id);
  if (current?.operation !== undefined) {
    return new ApiError(
      'conflict',
      `cannot ${operation} sandbox ${record.id} during its ${current.operation}`,
    );
  }
  return new ApiError(
    'invalid_state',
    `cannot ${operation} sandbox ${record.id}: it is ${current?.state ?? 'gone'}`,
  );
}

/** Where a sandbox is that is in memory. */
export function placeOf(context: SandboxContext, record: SandboxRecord): { live: Live; slotId: string } {
  const live = context.live.get(record.id);
  if (live === undefined || record.slotId === undefined) throw new Error(`sandbox ${record.id} runs nowhere`);
  return { live, slotId: record.slotId };
}
