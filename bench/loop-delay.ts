import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;
const MS_PER_NS = 1e-6;

/**
 * How late the event loop of this process, which is the server's, comes to what is due. It is looked at every
 * millisecond of what `during` is given.
 */
export function createLoopDelay() {
  const rounds: number[] = [];
  return {
    during: async <T>(work: () => Promise<T>): Promise<T> => {
      // One that is stopped and started again takes the time between for a delay.
      const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      delays.enable();
      try {
        return await work();
      } finally {
        delays.disable();
        rounds.push(delays.percentile(99) * MS_PER_NS);
      }
    },
    /** Of the worst round. The pause between two looks is a part of each. */
    p99Ms: (): number => Math.max(0, ...rounds) - RESOLUTION_MS,
  };
}
