import { startTransition, useEffect, useRef } from 'react';

const PAUSE_MS = 3_000;

/**
 * Tells of each value of a stream, for as long as the page that asks is seen; one that ends is opened again. `key` says
 * which stream it is.
 */
export function useFollow<T>(
  key: string,
  open: (signal: AbortSignal) => AsyncIterable<T>,
  take: (value: T) => void,
): void {
  const latest = useRef({ open, take });
  latest.current = { open, take };
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const follow = async (): Promise<void> => {
      for await (const value of latest.current.open(signal)) {
        if (signal.aborted) return;
        startTransition(() => latest.current.take(value));
      }
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    // What is wrong is said beside the stream of events, which breaks for the same reasons.
    const again = (): void => {
      if (!signal.aborted) timer = setTimeout(() => void follow().then(again, again), PAUSE_MS);
    };
    void follow().then(again, again);
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [key]);
}
