import { ApiError } from '@atoll/protocol';
import { agentToken } from '../agent/token.ts';
import type { SlotEndpoint } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { isEnded } from './lifecycle.ts';
import { findUnderWay } from './operation.ts';
import { requireActive } from './require-active.ts';
import { resumeSandbox } from './suspend.ts';

/** A sandbox that can be asked now. */
export interface Awake {
  record: SandboxRecord;
  endpoint: SlotEndpoint;
  token: string;
  /** For how long it has run since its start or its last wake. */
  awakeForMs: number;
}

/** Whom it is rolled back to answers. */
const beforeAnswer = ['suspend', 'rollback'] as const;
const beforeWake = [...beforeAnswer, 'snapshot'] as const;

/**
 * Brings a sandbox to where it answers: one that is falling asleep is let fall, then woken, and a suspended one that is
 * being read is left alone until that is done. One that runs answers when it goes on: it stands still for a moment.
 */
export async function wake(context: SandboxContext, record: SandboxRecord): Promise<Awake> {
  const current = (): SandboxRecord => context.store.byId(record.workspaceId, record.id) ?? record;
  const look = (): Promise<unknown> | undefined =>
    findUnderWay(context, record, current().state === 'suspended' ? beforeWake : beforeAnswer);
  for (let underWay = look(); underWay; underWay = look()) await underWay.catch(() => {});
  requireActive(current());
  if (current().state === 'suspended') await resumeSandbox(context, current());
  return requireRunning(context, current());
}

function requireRunning(context: SandboxContext, record: SandboxRecord): Awake {
  if (isEnded(record.state)) throw new ApiError('sandbox_ended', `sandbox ${record.id} has ended`);
  const { endpoint } = record;
  // What is being read or written to disk while it goes on answers as before, but for the moment in which it stands still.
  const isBusy = !['snapshot', 'checkpoint', 'attach', 'detach', undefined].includes(record.operation);
  if (record.state !== 'running' || isBusy || endpoint === undefined) {
    throw new ApiError('sandbox_not_running', `sandbox ${record.id} is ${record.operation ?? record.state}`);
  }
  return {
    record,
    endpoint,
    token: agentToken(context.serverKey, record.id, record.incarnation),
    awakeForMs: context.clock.now() - (context.live.get(record.id)?.since ?? 0),
  };
}
