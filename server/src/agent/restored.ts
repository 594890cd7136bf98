import { setTimeout as sleep } from 'node:timers/promises';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { readText, requestAgent } from './agent-request.ts';

/** What an agent is told of its restore. */
export interface RestoredNews {
  suspendedMs: number;
  /** It goes on from the memory of another sandbox. */
  isCopy: boolean;
}

const ANSWER_TIMEOUT_MS = 20_000;
const MAX_ANSWER_CHARS = 64_000;
const CONNECT_TIMEOUT_MS = 100;
/** A first packet that comes before the address does is sent again only after a second, so attempts are short. */
const RETRY_AFTER_MS = 10;
const ALL_TIMEOUT_MS = 30_000;

/**
 * Tells an agent that it was restored, and waits until it has taken over its new identity and run the hook. Nobody else
 * may reach the sandbox before. Agents that are too old for the call find the identity at its token.
 */
export async function announceRestored(
  endpoint: SlotEndpoint,
  token: string,
  news: RestoredNews,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + ALL_TIMEOUT_MS;
  for (;;) {
    signal.throwIfAborted();
    const status = await tell(endpoint, token, news, signal).catch(() => undefined);
    if (status === 204 || status === 404) return;
    if (Date.now() > deadline) throw new Error(`the restored agent answers ${status ?? 'nothing'}`);
    await sleep(RETRY_AFTER_MS, undefined, { signal });
  }
}

async function tell(
  endpoint: SlotEndpoint,
  token: string,
  news: RestoredNews,
  signal: AbortSignal,
): Promise<number | undefined> {
  const answer = await requestAgent(
    { endpoint, token },
    {
      method: 'POST',
      path: '/internal/v1/restored',
      body: news,
      connectMs: CONNECT_TIMEOUT_MS,
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    },
  );
  await readText(answer, MAX_ANSWER_CHARS);
  return answer.statusCode;
}
