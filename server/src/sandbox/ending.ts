import type { SandboxOperation, SandboxRecord } from '../store/sandbox-store.ts';
import { sleepHolder } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';

/** Why a sandbox ends, in the words of the wire's `outcome` and `termination_reason`. */
export interface Ending {
  reason: string;
  outcome?: string;
  error?: string;
}

/** What keeps a sandbox's image from garbage collection. */
export const imageHolder = (record: SandboxRecord) => ({ kind: 'sandbox', id: record.id });

/** Writes that a sandbox has ended, and lets go of its image with it. */
export function writeEnd(
  context: SandboxContext,
  record: SandboxRecord,
  during: SandboxOperation | undefined,
  state: 'terminated' | 'failed',
  ending: Ending,
): void {
  const wasWritten = context.transaction(() => {
    const written = context.store.change(record, during, {
      state,
      operation: null,
      terminatedAt: context.clock.now(),
      terminationReason: ending.reason,
      ...(ending.outcome !== undefined && { outcome: ending.outcome }),
      ...(ending.error !== undefined && { error: ending.error }),
    });
    if (written) context.images.dropReferences(imageHolder(record));
    if (written) context.volumes.detach(record);
    if (written) context.checkpoints.release(sleepHolder(record));
    return written;
  });
  if (wasWritten) context.onGone(record);
  if (wasWritten) void context.checkpoints.sweep();
  if (wasWritten && !askedFor.has(ending.reason)) context.onEnded?.(record, ending.reason);
}

/** `terminated` is what an earlier process was asked for and did not finish. */
const askedFor: ReadonlySet<string> = new Set(['terminated_by_user', 'terminated', 'pool_upkeep']);

/** What a sandbox ended of whose agent is gone; the runtime knows as long as its slot is there. */
export async function lostEnding({ driver }: SandboxContext, { slotId }: SandboxRecord): Promise<Ending> {
  const isOutOfMemory = slotId !== undefined && (await driver.wasKilledForMemory(slotId).catch(() => false));
  return isOutOfMemory
    ? { reason: 'out_of_memory', error: 'the host ended the sandbox, which took more memory than it may' }
    : { reason: 'agent_exited', error: 'the agent in the sandbox has ended' };
}
