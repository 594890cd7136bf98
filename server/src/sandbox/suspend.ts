import { ApiError } from '@atoll/protocol';
import type { SandboxOperation, SandboxRecord, SandboxState } from '../store/sandbox-store.ts';
import type { Live, SandboxContext } from './context.ts';
import { guard } from './guard.ts';
import { operations } from './lifecycle.ts';

/** Stops a named, running sandbox where it is: memory, processes and open files stay. Idempotent. */
export async function suspendSandbox(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (record.state === 'suspended' && record.operation === undefined) return;
  if (record.name === undefined) {
    throw new ApiError('invalid_state', `sandbox ${record.id} has no name, so it cannot be suspended`, {
      hint: 'Name it first: `atoll sbx name ID NAME`.',
    });
  }
  await standStill(context, record);
}

/** Stops a running sandbox in memory, whether it has a name or not: what waits in a pool costs no CPU. */
export const standStill = (context: SandboxContext, record: SandboxRecord): Promise<void> =>
  carryOut(context, record, 'suspend', freeze, unfreeze);

/** Lets a suspended sandbox go on where it was. Idempotent; many callers at once are one resume. */
export async function resumeSandbox(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (record.state === 'running' && record.operation === undefined) return;
  await carryOut(context, record, 'resume', thaw, stayFrozen);
}

type Step = (context: SandboxContext, record: SandboxRecord) => void | Promise<void>;

/**
 * Who finds the same operation under way waits for its result; any other one is told which it is. What cannot be
 * undone keeps its intent, and the recovery tries again.
 */
async function carryOut(
  context: SandboxContext,
  record: SandboxRecord,
  operation: Extract<SandboxOperation, 'suspend' | 'resume'>,
  work: Step,
  undo: Step,
): Promise<void> {
  const underWay = context.flights.join(record.id, operation);
  if (underWay) return void (await underWay);
  const { from, preempts } = operations[operation];
  if (!context.store.beginOperation(record, operation, from, preempts))
    throw refusal(context, record, operation);
  await context.flights.begin(record.id, operation, async () => {
    try {
      await work(context, record);
    } catch (error) {
      await attempt(context, record, undo);
      throw error;
    }
  });
}

async function attempt(context: SandboxContext, record: SandboxRecord, undo: Step): Promise<void> {
  try {
    await undo(context, record);
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

/** Requests that are under way end: their connections would stand still with the sandbox. */
async function freeze(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const { live, slotId } = placeOf(context, record);
  live.unwatch();
  context.onCut(record);
  await context.driver.freeze(slotId);
  context.store.change(record, 'suspend', { state: 'suspended', operation: null });
}

const thaw: Step = (context, record) => run(context, record, 'resume', operations.resume.to);

const unfreeze: Step = (context, record) => run(context, record, 'suspend', operations.suspend.onError);

const stayFrozen: Step = (context, record) =>
  void context.store.change(record, 'resume', { state: operations.resume.onError, operation: null });

/** Lets the sandbox go on and watches over it again. */
async function run(
  context: SandboxContext,
  record: SandboxRecord,
  during: SandboxOperation,
  state: SandboxState,
): Promise<void> {
  const { live, slotId } = placeOf(context, record);
  await context.driver.thaw(slotId);
  if (context.store.change(record, during, { state, operation: null })) guard(context, record, live.rootfs);
}

function placeOf(context: SandboxContext, record: SandboxRecord): { live: Live; slotId: string } {
  const live = context.live.get(record.id);
  if (live === undefined || record.slotId === undefined) throw new Error(`sandbox ${record.id} runs nowhere`);
  return { live, slotId: record.slotId };
}
