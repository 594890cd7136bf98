import type { SandboxOperation, SandboxRecord } from '../store/sandbox-store.ts';
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
  context.transaction(() => {
    const written = context.store.change(record, during, {
      state,
      operation: null,
      terminatedAt: context.clock.now(),
      terminationReason: ending.reason,
      ...(ending.outcome !== undefined && { outcome: ending.outcome }),
      ...(ending.error !== undefined && { error: ending.error }),
    });
    if (written) context.images.dropReferences(imageHolder(record));
  });
}
