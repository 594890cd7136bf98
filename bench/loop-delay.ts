import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;
const MS_PER_NS = 1e-6;

/**
 * How late the event loop of this process, which is the server's, comes to what is due. It is looked at every
 * millisecond of what `during` is given.
 */
export function createLoopDelay() {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  return {
    during: async <T>(work: () => Promise<T>): Promise<T> => {
      delays.enable();
      try {
        return await work();
      } finally {
        delays.disable();
      }
    },
    /** The pause between two looks is a part of each. */
    p99Ms: (): number => Math.max(0, delays.percentile(99) * MS_PER_NS - RESOLUTION_MS),
  };
}
