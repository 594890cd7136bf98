import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SlotEndpoint } from '../runtime/driver.ts';

/** What an agent is told of its restore. */
export interface RestoredNews {
  suspendedMs: number;
  /** It goes on from the memory of another sandbox. */
  isCopy: boolean;
}

const ANSWER_TIMEOUT_MS = 20_000;
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

function tell(
  endpoint: SlotEndpoint,
  token: string,
  news: RestoredNews,
  signal: AbortSignal,
): Promise<number | undefined> {
  const body = JSON.stringify(news);
  return new Promise((resolve, reject) => {
    const call = request({
      host: endpoint.host,
      port: endpoint.port,
      method: 'POST',
      path: '/internal/v1/restored',
      headers: {
        'x-atoll-token': token,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
      agent: false,
      timeout: ANSWER_TIMEOUT_MS,
      signal,
    });
    const notConnected = setTimeout(() => call.destroy(new Error('no connection')), CONNECT_TIMEOUT_MS);
    call.once('socket', (socket) => socket.once('connect', () => clearTimeout(notConnected)));
    call.once('timeout', () => call.destroy(new Error('no answer')));
    call.once('close', () => clearTimeout(notConnected));
    call.on('error', reject);
    call.once('response', (response) => {
      response.on('error', reject);
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    });
    call.end(body);
  });
}
