import { agentToken } from '../agent/token.ts';
import { followAgent } from '../agent/watch.ts';
import type { Rootfs } from '../image/image-store.ts';
import { pause } from '../lib/deadline.ts';
import type { SlotEndpoint } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';

/** How often in a row the stream of a runtime that still runs may break before its agent counts as lost. */
const MAX_FAILURES = 5;
const RETRY_AFTER_MS = 200;

/**
 * Watches over a running incarnation. The agent's event stream is its sign of life: when it breaks, one look at
 * the runtime decides between a new stream and the end of the sandbox.
 */
export function guard(context: SandboxContext, record: SandboxRecord, rootfs: Rootfs): void {
  const { endpoint, slotId } = record;
  if (endpoint === undefined || slotId === undefined) throw new Error(`sandbox ${record.id} runs nowhere`);
  const unwatched = new AbortController();
  const { incarnation } = record;
  context.live.set(record.id, { incarnation, rootfs, unwatch: () => unwatched.abort() });
  void watch(context, record, endpoint, slotId, unwatched.signal).then(() => {
    if (!unwatched.signal.aborted) context.onAgentLost(record);
  });
}

async function watch(
  context: SandboxContext,
  record: SandboxRecord,
  endpoint: SlotEndpoint,
  slotId: string,
  signal: AbortSignal,
): Promise<void> {
  const token = agentToken(context.serverKey, record.id, record.incarnation);
  for (let failures = 0; failures < MAX_FAILURES && !signal.aborted; failures += 1) {
    await followAgent(
      endpoint,
      token,
      (event) => {
        failures = 0;
        if (event.event === 'oom')
          context.log.warn({ sandboxId: record.id, ...event }, 'out of memory in the sandbox');
      },
      signal,
    );
    const state = await context.driver.state(slotId).catch(() => 'running' as const);
    if (state !== 'running') return;
    await pause(RETRY_AFTER_MS * failures, signal);
  }
}
