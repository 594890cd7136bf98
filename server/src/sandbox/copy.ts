import { ApiError } from '@atoll/protocol';
import { COPY_HOLDER } from '../checkpoint/checkpoint-store.ts';
import { waitAtMost } from '../lib/deadline.ts';
import { randomId } from '../lib/id.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { checkHost, checkMemoryFor } from './admission.ts';
import type { AdmissionSettings } from './admission.ts';
import { memoryOfCheckpoint, requireCheckpoints } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import type { Enroll } from './enroll.ts';
import { checkQuota } from './quota.ts';
import { requireNoWriter } from './volume-use.ts';
import { startFromCheckpoint, templateOf } from './start-from-checkpoint.ts';
import type { Begun } from './start-from-checkpoint.ts';
import { takeCheckpoint } from './take-checkpoint.ts';

/** What became of one copy within its caller's patience; the start of a `timeout` goes on. */
export type Copied =
  | { kind: 'running'; record: SandboxRecord }
  | { kind: 'timeout'; record: SandboxRecord }
  | { kind: 'failed'; record: SandboxRecord; reason: string };

export interface CopyOptions {
  admission: AdmissionSettings;
  dataDir: string;
  enroll: Enroll;
  /** Throws where so many starts cannot even wait for their turn. */
  requirePlaces: (count: number, workspaceId: string) => void;
}

const MAX_COPIES = 100;

/**
 * Live copies of a sandbox with its memory and processes, each with an identity of its own. The source stands still no
 * longer than its checkpoint takes. What cannot be is refused before anything starts.
 */
export async function copySandbox(
  context: SandboxContext,
  options: CopyOptions,
  source: SandboxRecord,
  { times, timeoutMs }: { times: number; timeoutMs: number },
): Promise<Copied[]> {
  const deadline = Date.now() + timeoutMs;
  await admit(context, options, source, times);
  const holder = { kind: COPY_HOLDER, id: randomId(21) };
  try {
    const checkpointId = await takeCheckpoint(context, source, holder);
    // The sandboxes of the workspace may have become more meanwhile, and so may the starts. All copies begin at once, or
    // none: whoever asked would not know of the others.
    checkQuota(context, options.admission, source.workspaceId, { limits: source.limits, times });
    options.requirePlaces(times, source.workspaceId);
    const template = templateOf(source);
    const begun = Array.from({ length: times }, () => begin(context, options, checkpointId, template));
    return await Promise.all(begun.map((copy) => outcomeOf(context, copy, deadline)));
  } finally {
    context.checkpoints.release(holder);
    void context.checkpoints.sweep();
  }
}

const begin = (
  context: SandboxContext,
  { enroll }: CopyOptions,
  ...from: [string, ReturnType<typeof templateOf>]
): Begun => startFromCheckpoint(context, enroll, ...from);

async function admit(
  context: SandboxContext,
  { admission, dataDir, requirePlaces }: CopyOptions,
  source: SandboxRecord,
  times: number,
): Promise<void> {
  requireCheckpoints(context);
  if (source.state !== 'running' && source.state !== 'suspended')
    throw new ApiError('invalid_state', `cannot copy sandbox ${source.id}: it is ${source.state}`);
  requireNoWriter(source);
  if (times > MAX_COPIES)
    throw new ApiError('limit_exceeded', `${times} copies at once; this server makes ${MAX_COPIES}`);
  checkQuota(context, admission, source.workspaceId, { limits: source.limits, times });
  requirePlaces(times, source.workspaceId);
  checkHost(dataDir, admission);
  checkMemoryFor(times * (await memoryOf(context, source)), admission);
}

/** What a copy begins with: the memory of its source, wherever that is. */
async function memoryOf(
  context: SandboxContext,
  { slotId, checkpointId, limits }: SandboxRecord,
): Promise<number> {
  if (checkpointId !== undefined) return memoryOfCheckpoint(context, checkpointId, limits);
  return slotId === undefined ? 0 : (await context.driver.stats(slotId)).memoryBytes;
}

async function outcomeOf(
  context: SandboxContext,
  { record, started }: Begun,
  deadline: number,
): Promise<Copied> {
  try {
    const timed = await waitAtMost(started, Math.max(0, deadline - Date.now()));
    return timed.timedOut ? { kind: 'timeout', record } : { kind: 'running', record: timed.value };
  } catch (error) {
    const ended = context.store.byId(record.workspaceId, record.id) ?? record;
    const reason = error instanceof ApiError ? error.message : 'the copy did not start';
    return { kind: 'failed', record: ended, reason };
  }
}
