import type { UsageSample } from '@atoll/sdk';
import { useConsole } from './console-context.ts';
import { useFollow } from './use-follow.ts';

/** Tells of each sample of what running sandboxes use, for as long as the page that asks is seen. */
export function useSamples(take: (sample: UsageSample) => void): void {
  const { clients } = useConsole();
  useFollow('usage', (signal) => clients.sandboxes.usage({ signal }), take);
}
