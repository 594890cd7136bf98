import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 2_000;

/**
 * What `read` says, every two seconds as server-sent events until the signal. One after the other: a slow reader gets
 * fewer, and none waits in memory.
 */
export async function* sampledEvents(
  event: string,
  read: () => unknown,
  signal: AbortSignal,
): AsyncGenerator<string> {
  while (!signal.aborted) {
    yield `event: ${event}\ndata: ${JSON.stringify(await read())}\n\n`;
    await pause(EVERY_MS, undefined, { signal }).catch(() => {}); // the stream ends, which is no error
  }
}
