import { BUILDER_IMAGE } from '../agent/builder-image.ts';
import { agentToken } from '../agent/token.ts';
import { followAgent } from '../agent/watch.ts';
import type { AgentEvent } from '../agent/watch.ts';
import { pause } from '../lib/deadline.ts';
import type { SlotEndpoint } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import type { SandboxRootfs } from './rootfs.ts';

/** How often in a row the stream of a runtime that still runs may break before its agent counts as lost. */
const MAX_FAILURES = 5;
const RETRY_AFTER_MS = 100;
const MAX_RETRY_MS = 5_000;
/** A stream that stood this long ended for a reason of its own. */
const CALM_AFTER_MS = 10_000;
const REPORT_EVERY_MS = 5_000;
const LOOK_EVERY_MS = 2_000;
/** Records are half-written for an instant. */
const LOOK_AGAIN_AFTER_MS = 250;
/** How long whoever started or woke a sandbox has it for himself: its own streams would stand before his answer. */
const FOLLOW_AFTER_MS = 50;

/**
 * Watches over a sandbox from the moment it runs, and starts its idle clock. The agent's event stream is its sign of life: when it breaks, one look at
 * the runtime decides between a new stream and the end of the sandbox.
 */
export function guard(context: SandboxContext, record: SandboxRecord, rootfs: SandboxRootfs): void {
  const { endpoint, slotId } = record;
  if (endpoint === undefined || slotId === undefined) throw new Error(`sandbox ${record.id} runs nowhere`);
  const unwatched = new AbortController();
  const { incarnation } = record;
  const { signal } = unwatched;
  const token = agentToken(context.serverKey, record.id, incarnation);
  const { env } = context.secrets.environment(record.workspaceId, record.secretNames ?? []);
  const source = { endpoint, token, secretValues: Object.values(env) };
  const isServed = pause(FOLLOW_AFTER_MS, signal);
  const journal = context.journals.follow(record.id, source, { after: isServed, signal });
  context.live.set(record.id, {
    incarnation,
    since: context.clock.now(),
    rootfs,
    unwatch: () => unwatched.abort(),
    takeLastLines: journal.takeLast,
  });
  context.activity.restart(record.id);
  const ends = [
    isServed.then(() => watch(context, record, { endpoint, token, slotId }, signal)),
    untilRuntimeEnds(context, slotId, signal),
  ];
  void Promise.race(ends).then(() => {
    if (signal.aborted) return;
    unwatched.abort();
    delete context.live.get(record.id)?.takeLastLines;
    context.onAgentLost(record);
  });
}

/**
 * A sandbox that is killed from outside, by the host's OOM killer for one, says no goodbye: its network stack dies
 * with it and the stream to its agent only falls silent. So the runtime is looked at as well; twice, because a look
 * can meet its records half-written.
 */
async function untilRuntimeEnds(context: SandboxContext, slotId: string, signal: AbortSignal): Promise<void> {
  for (let missed = 0; missed < 2 && !signal.aborted;) {
    await pause(missed === 0 ? LOOK_EVERY_MS : LOOK_AGAIN_AFTER_MS, signal);
    const state = await context.driver.state(slotId).catch(() => 'running' as const);
    missed = state === 'running' ? 0 : missed + 1;
  }
}

interface Watched {
  endpoint: SlotEndpoint;
  token: string;
  slotId: string;
}

async function watch(
  context: SandboxContext,
  record: SandboxRecord,
  { endpoint, token, slotId }: Watched,
  signal: AbortSignal,
): Promise<void> {
  const report = createOomReport(context, record);
  const hold = createHold(context, record);
  signal.addEventListener('abort', () => hold(false));
  let failures = 0;
  let breaks = 0;
  while (failures < MAX_FAILURES && !signal.aborted) {
    const startedAt = Date.now();
    failures += 1;
    const onEvent = (event: AgentEvent): void => {
      failures = 0;
      if (event.event === 'oom') report(event);
      if (event.event === 'hold') hold(event.held);
      if (event.event === 'build' && record.image === BUILDER_IMAGE) {
        context.onBuilder?.(record, { endpoint, token, handle: event.handle }, signal);
      }
    };
    await followAgent(endpoint, token, onEvent, signal);
    const state = await context.driver.state(slotId).catch(() => 'running' as const);
    if (state !== 'running') return;
    // Root in the sandbox can break each stream as soon as it stands; a look at the runtime is a process each time.
    breaks = Date.now() - startedAt < CALM_AFTER_MS ? breaks + 1 : 0;
    await pause(Math.min(MAX_RETRY_MS, RETRY_AFTER_MS * 2 ** breaks), signal);
  }
}

/** Keeps the idle clock from running while a process in the sandbox asks for that. */
function createHold({ activity }: SandboxContext, { id }: SandboxRecord) {
  let release: (() => void) | undefined;
  return (isHeld: boolean): void => {
    if (isHeld === (release !== undefined)) return;
    release?.();
    release = isHeld ? activity.hold(id) : undefined;
  };
}

/** Logs that memory was short, in bounded number: the sandbox's root can say so without end. */
function createOomReport(context: SandboxContext, record: SandboxRecord) {
  let reportedAt = 0;
  return (event: AgentEvent): void => {
    if (Date.now() - reportedAt < REPORT_EVERY_MS) return;
    reportedAt = Date.now();
    context.log.warn({ sandboxId: record.id, ...event }, 'out of memory in the sandbox');
  };
}
