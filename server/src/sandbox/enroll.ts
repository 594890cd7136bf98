import type { createSemaphore } from '../lib/semaphore.ts';
import { endStage, stage, withStages } from '../lib/stage.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { carryOutCreate } from './create.ts';
import { imageHolder } from './ending.ts';
import { unbuiltDigest } from './provide-image.ts';

/** Brings a sandbox up; the signal aborts when a terminate takes over. */
export type Start = (signal: AbortSignal) => Promise<SandboxRecord>;

/** How a new sandbox comes to run. */
export interface Enrolment {
  /** What its start needs first, which takes nobody's turn. The signal gives up waiting for it. */
  provide: (patience: AbortSignal) => Promise<Start> | Start;
  /** Written with the record, or not at all. */
  inTransaction?: () => void;
}

export type Enroll = (record: SandboxRecord, enrolment: Enrolment) => Promise<SandboxRecord>;

/** Writes the record of a new sandbox and begins its start, which waits for its turn. `closing` ends that wait. */
export function createEnroll(
  context: SandboxContext,
  starts: ReturnType<typeof createSemaphore>,
  closing: AbortSignal,
): Enroll {
  return (record, { provide, inTransaction }) => {
    closing.throwIfAborted();
    // Everything up to the wait for a turn happens at once, so a place that is free now is there for this record.
    starts.requirePlace(1, record.workspaceId);
    context.transaction(() => {
      context.store.insert(record);
      context.volumes.attach(record);
      if (record.manifestDigest !== unbuiltDigest)
        context.images.addReference(record.manifestDigest, imageHolder(record));
      inTransaction?.();
    });
    const inTurn = (start: Start, patience: AbortSignal, signal: AbortSignal): Promise<SandboxRecord> => {
      const waitsSince = performance.now();
      const begin = (): Promise<SandboxRecord> => {
        endStage('queue', waitsSince);
        return context.pool.rush(() => start(signal));
      };
      return starts.run(patience, begin, record.workspaceId);
    };
    // Where the time goes is noted for each sandbox by itself: a request may make several, a pool makes them without one.
    const carryOut = (signal: AbortSignal): Promise<SandboxRecord> =>
      carryOutCreate(context, record, async () => {
        const patience = AbortSignal.any([signal, closing]);
        const provided = provide(patience);
        const start = provided instanceof Promise ? await stage('image', () => provided) : provided;
        return inTurn(start, patience, signal);
      });
    return context.flights.begin(record.id, 'create', (signal) => withStages(() => carryOut(signal)));
  };
}
