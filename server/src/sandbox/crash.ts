import { ApiError } from '@atoll/protocol';
import type { SnapshotRecord } from '../snapshot/snapshot-records.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { lostEnding } from './ending.ts';
import type { Ending } from './ending.ts';
import { rollbackSandbox } from './rollback.ts';
import { terminateSandbox } from './terminate.ts';

/** One that dies again this soon would do so for ever. */
const CALM_AFTER_MS = 60_000;

/** The newest snapshot with its memory: one that was taken of it, or else the one that it came from. */
export function lastMemoryOf(
  { snapshots }: Pick<SandboxContext, 'snapshots'>,
  { id, workspaceId, originSnapshotId }: SandboxRecord,
): SnapshotRecord | undefined {
  const found = snapshots.list(workspaceId).filter(isRestorable);
  return (
    found.find(({ sandboxId }) => sandboxId === id) ?? found.find((each) => each.id === originSnapshotId)
  );
}

const isRestorable = ({ kind, status }: SnapshotRecord): boolean =>
  kind === 'memory' && (status === 'local_ready' || status === 'completed');

/**
 * What becomes of running sandboxes whose runtime has died: they end, with the reason, or go on from their last memory
 * snapshot where their owner has asked for that. What is found dead before `open` waits until then: slots that no record
 * names yet would be freed.
 */
export function createCrashes(context: SandboxContext) {
  const restoredAt = new Map<string, number>();
  const underWay = new Set<string>();
  const waiting: (() => void)[] = [];
  let isOpen = false;

  /** Why it was not restored; nothing where it was. */
  const restore = async (record: SandboxRecord): Promise<string | undefined> => {
    const calmAt = (restoredAt.get(record.id) ?? Number.NEGATIVE_INFINITY) + CALM_AFTER_MS;
    if (context.clock.now() < calmAt) return 'it was restored less than a minute ago';
    const snapshot = lastMemoryOf(context, record);
    if (snapshot === undefined) return 'there is no memory snapshot of it';
    // What was being done with it fails now, or has read it before.
    for (const operation of ['snapshot', 'checkpoint', 'suspend'])
      await context.flights.join(record.id, operation)?.catch(() => {});
    restoredAt.set(record.id, context.clock.now());
    try {
      await rollbackSandbox(context, record, { snapshotId: snapshot.id });
    } catch (error) {
      context.log.error(
        { sandboxId: record.id, snapshotId: snapshot.id, err: error },
        'not restored after its crash',
      );
      return error instanceof ApiError ? error.message : 'its memory could not be restored';
    }
    context.log.warn({ sandboxId: record.id, snapshotId: snapshot.id }, 'restored after its crash');
    return undefined;
  };

  const settle = async (stale: SandboxRecord, known?: Ending): Promise<void> => {
    const record = context.store.byId(stale.workspaceId, stale.id);
    if (record?.incarnation !== stale.incarnation) return;
    const ending = known ?? (await lostEnding(context, record));
    if (record.onCrash !== 'restore' || record.state !== 'running')
      return terminateSandbox(context, record, ending);
    const reason = await restore(record);
    if (reason === undefined) return;
    restoredAt.delete(record.id);
    await terminateSandbox(context, record, {
      ...ending,
      error: `${ending.error ?? ending.reason}; it was not restored: ${reason}`,
    });
  };

  const begin = (record: SandboxRecord, ending?: Ending): void => {
    // A successor may die before its start has returned.
    const life = `${record.id}/${record.incarnation}`;
    if (underWay.has(life)) return;
    underWay.add(life);
    void settle(record, ending)
      .catch((err: unknown) =>
        context.log.error({ sandboxId: record.id, err }, 'cannot free a sandbox whose agent was lost'),
      )
      .finally(() => underWay.delete(life));
  };

  return {
    lost: (record: SandboxRecord, ending?: Ending): void => {
      if (isOpen) begin(record, ending);
      else waiting.push(() => begin(record, ending));
    },
    open: (): void => {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
    /** The sandbox has ended. */
    gone: ({ id }: SandboxRecord): void => void restoredAt.delete(id),
  };
}
