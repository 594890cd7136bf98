import { setTimeout } from 'node:timers/promises';

/** Waits; an abort ends the wait with an error. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  setTimeout(ms, undefined, { signal });
