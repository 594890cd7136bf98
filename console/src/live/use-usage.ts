import { startTransition, useEffect, useState } from 'react';
import { useConsole } from './console-context.ts';
import { addSample } from './usage-store.ts';
import type { Uses } from './usage-store.ts';

const PAUSE_MS = 3_000;

/** What running sandboxes use, for as long as the page that asks is seen. */
export function useUsage(): Uses {
  const { clients } = useConsole();
  const [uses, setUses] = useState<Uses>(new Map());
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    let lastAt = 0;
    const follow = async (): Promise<void> => {
      for await (const sample of clients.sandboxes.usage({ signal })) {
        const elapsedMs = lastAt === 0 ? 0 : sample.at - lastAt;
        lastAt = sample.at;
        startTransition(() => setUses((before) => addSample(before, elapsedMs, sample)));
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
  }, [clients]);
  return uses;
}
