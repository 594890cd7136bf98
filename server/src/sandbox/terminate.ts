import { ApiError } from '@atoll/protocol';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { Live, SandboxContext } from './context.ts';
import { writeEnd } from './ending.ts';
import type { Ending } from './ending.ts';
import { isEnded, operations } from './lifecycle.ts';
import { releaseRootfs } from './rootfs.ts';
import { freeSlotOf } from './start.ts';

/**
 * Ends a sandbox for good. It takes over from any operation in flight, a second caller waits for the first one's
 * result, and of an ended sandbox it is a no-op.
 */
export async function terminateSandbox(
  context: SandboxContext,
  record: SandboxRecord,
  ending: Ending,
): Promise<void> {
  if (isEnded(record.state) && record.operation === undefined) return;
  const underWay = context.flights.join(record.id, 'terminate');
  if (underWay) return void (await underWay);
  const { from, preempts } = operations.terminate;
  if (!context.store.beginOperation(record, 'terminate', from, preempts) && !hasIntent(context, record))
    return;
  const reason = new ApiError('conflict', `sandbox ${record.id} is being terminated`);
  await context.flights.takeOver(record.id, 'terminate', reason, () =>
    carryOutTerminate(context, record, ending),
  );
}

/** Left by a terminate that failed: this one carries it to its end. */
const hasIntent = (context: SandboxContext, record: SandboxRecord): boolean =>
  context.store.byId(record.workspaceId, record.id)?.operation === 'terminate';

/** From intent to result; also what reconcile calls for an intent that an earlier process left. */
export async function carryOutTerminate(
  context: SandboxContext,
  record: SandboxRecord,
  ending: Ending,
): Promise<void> {
  const live = cutOff(context, record);
  // One that stands still answers nothing.
  if (record.state === 'running') await live?.takeLastLines?.();
  context.volumes.interruptCopies(context.store.byId(record.workspaceId, record.id) ?? record);
  await freeSlotOf(context, record);
  context.live.delete(record.id);
  await releaseRootfs(context, live?.rootfs);
  writeEnd(context, record, 'terminate', 'terminated', ending);
}

/** Nothing reaches the sandbox any more: its address can soon become somebody else's. */
function cutOff(context: SandboxContext, record: SandboxRecord): Live | undefined {
  const live = context.live.get(record.id);
  context.activity.forget(record.id);
  context.onCut(record);
  live?.unwatch();
  return live;
}
