import { useRef, useState } from 'react';
import { addSample } from './usage-store.ts';
import type { Uses } from './usage-store.ts';
import { useSamples } from './use-samples.ts';

/** What running sandboxes use, for as long as the page that asks is seen. */
export function useUsage(): Uses {
  const [uses, setUses] = useState<Uses>(new Map());
  const lastAt = useRef<number>(undefined);
  useSamples((sample) => {
    const elapsedMs = lastAt.current === undefined ? 0 : sample.at - lastAt.current;
    lastAt.current = sample.at;
    setUses((before) => addSample(before, elapsedMs, sample));
  });
  return uses;
}
