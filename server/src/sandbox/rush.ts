import { pause } from '../lib/deadline.ts';

export interface RushOptions {
  /** How long after the last start it is still counted as one: its answer and its first command come then. */
  settleMs: number;
  /** Ends all waiting. */
  closing: AbortSignal;
  /** Told when a start has settled and no other is under way. */
  onOver: () => void;
}

/** Knows whether sandboxes start, so that what can wait leaves them the processor. */
export function createRush({ settleMs, closing, onOver }: RushOptions) {
  let startCount = 0;
  let over = Promise.withResolvers<void>();

  const end = (): void => {
    if (startCount > 0) return;
    over.resolve();
    over = Promise.withResolvers<void>();
    onOver();
  };

  return {
    isOn: (): boolean => startCount > 0,
    during: async <T>(start: () => Promise<T>): Promise<T> => {
      startCount += 1;
      try {
        return await start();
      } finally {
        startCount -= 1;
        setTimeout(end, settleMs).unref();
      }
    },
    /** Resolves once nothing starts, nor is about to because of what has ended now; or after that time. */
    whenOver: async (atMostMs: number): Promise<void> => {
      await pause(settleMs, closing);
      if (startCount > 0) await Promise.race([over.promise, pause(atMostMs, closing)]);
    },
  };
}
