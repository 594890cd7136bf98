import { ApiError } from '@atoll/protocol';
import type { SandboxOperation, SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
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
  await carryOut(context, record, 'suspend', () => freeze(context, record));
}

/** Lets a suspended sandbox go on where it was. Idempotent; many callers at once are one resume. */
export async function resumeSandbox(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (record.state === 'running' && record.operation === undefined) return;
  await carryOut(context, record, 'resume', () => thaw(context, record));
}

/** Who finds the same operation under way waits for its result; any other one is told which it is. */
async function carryOut(
  context: SandboxContext,
  record: SandboxRecord,
  operation: Extract<SandboxOperation, 'suspend' | 'resume'>,
  work: () => Promise<void>,
): Promise<void> {
  const underWay = context.flights.join(record.id, operation);
  if (underWay) return void (await underWay);
  const { from, preempts, onError } = operations[operation];
  if (!context.store.beginOperation(record, operation, from, preempts))
    throw refusal(context, record, operation);
  await context.flights.begin(record.id, operation, () =>
    work().catch((error: unknown) => {
      context.store.change(record, operation, { state: onError, operation: null });
      throw error;
    }),
  );
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
  const live = context.live.get(record.id);
  if (live === undefined || record.slotId === undefined) throw new Error(`sandbox ${record.id} runs nowhere`);
  live.unwatch();
  context.onCut(record);
  try {
    await context.driver.freeze(record.slotId);
    context.store.change(record, 'suspend', { state: 'suspended', operation: null });
  } catch (error) {
    await context.driver.thaw(record.slotId);
    guard(context, record, live.rootfs);
    throw error;
  }
}

async function thaw(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const live = context.live.get(record.id);
  if (live === undefined || record.slotId === undefined) throw new Error(`sandbox ${record.id} is nowhere`);
  await context.driver.thaw(record.slotId);
  if (context.store.change(record, 'resume', { state: 'running', operation: null })) {
    guard(context, record, live.rootfs);
  }
}
