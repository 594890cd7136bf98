import { availableParallelism } from 'node:os';
import { createSemaphore } from '../lib/semaphore.ts';

/** How many sandboxes of builds run at once. */
export interface TurnLimits {
  /** Each has the size of the whole build, so few of them are what its author asked for. */
  perBuild: number;
  perServer: number;
}

export const usualTurnLimits: TurnLimits = {
  perBuild: 4,
  perServer: Math.max(4, 2 * availableParallelism()),
};

interface Owner {
  workspaceId: string;
  signal: AbortSignal;
}

/** Waits until the sandbox of a step may start, then carries the work out. */
export type Turn = <T>(owner: Owner, work: () => Promise<T>) => Promise<T>;

/** Nothing is refused: who waits is a step of a build that runs, and those are few. */
const unbounded = (limit: number) => createSemaphore(limit, Number.POSITIVE_INFINITY, () => new Error());

/**
 * Gives the sandboxes of builds their turns: stages go on side by side, and a Dockerfile may have a thousand. Workspaces
 * take turns at the server's places. Who has a place waits for nothing that another step holds, so places come free.
 */
export function createBuilderTurns({ perBuild, perServer }: TurnLimits, checkHost: () => void) {
  const ofServer = unbounded(perServer);
  return {
    /** The turns of one build. */
    ofBuild: (): Turn => {
      const ofBuild = unbounded(perBuild);
      return ({ workspaceId, signal }, work) =>
        ofBuild.run(signal, () =>
          ofServer.run(
            signal,
            () => {
              checkHost();
              return work();
            },
            workspaceId,
          ),
        );
    },
  };
}
