import { ApiError } from '@atoll/protocol';
import { createSemaphore } from '../../lib/semaphore.ts';

/** One that fetches more at a time would take the line from the others. */
const MAX_PULLS_PER_WORKSPACE = 8;

/** The pulls of each workspace, so many at a time. */
export function createPullTurns() {
  const open = new Map<string, { semaphore: ReturnType<typeof createSemaphore>; count: number }>();
  const newTurns = () => ({
    // A build is bounded in its instructions, and builds are in their number: what waits is bounded by them.
    semaphore: createSemaphore(MAX_PULLS_PER_WORKSPACE, Infinity, () => new Error('no bound')),
    count: 0,
  });
  /** Waits its turn: builds ask for all their bases at once. */
  const queue = async <T>(workspaceId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    const turns = open.get(workspaceId) ?? newTurns();
    open.set(workspaceId, turns);
    turns.count += 1;
    try {
      return await turns.semaphore.run(signal, work);
    } finally {
      turns.count -= 1;
      if (turns.count === 0) open.delete(workspaceId);
    }
  };
  return {
    queue,
    /** Refuses rather than waits: somebody looks on. */
    runNow: async <T>(workspaceId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
      const count = open.get(workspaceId)?.count ?? 0;
      if (count >= MAX_PULLS_PER_WORKSPACE)
        throw new ApiError('too_busy', `${count} imports of this workspace are in flight`);
      return queue(workspaceId, signal, work);
    },
  };
}
