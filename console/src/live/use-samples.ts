import { startTransition, useEffect, useRef } from 'react';
import type { UsageSample } from '@atoll/sdk';
import { useConsole } from './console-context.ts';

const PAUSE_MS = 3_000;

/** Tells of each sample of what running sandboxes use, for as long as the page that asks is seen. */
export function useSamples(take: (sample: UsageSample) => void): void {
  const { clients } = useConsole();
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const follow = async (): Promise<void> => {
      for await (const sample of clients.sandboxes.usage({ signal }))
        startTransition(() => latest.current(sample));
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
  }, [clients]);
}
