import { setTimeout as pause } from 'node:timers/promises';
import * as routes from '@atoll/protocol';
import type { UsageSample } from '@atoll/protocol';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

interface Options {
  sandboxes: Pick<Sandboxes, 'usage'>;
  /** Aborts when the server stops. */
  closing: AbortSignal;
}

const EVERY_MS = 2_000;

/** What sandboxes use, for who looks at it: nothing is read while nobody does. */
export function usageRoutes({ sandboxes, closing }: Options): Binding[] {
  return [
    bind(routes.streamUsage, (_input, context) => {
      context.contentType('text/event-stream');
      const workspaceId = context.caller.workspace.id;
      const signal = AbortSignal.any([context.signal, closing]);
      return samples(() => sandboxes.usage(workspaceId), signal);
    }),
  ];
}

/** One after the other: a slow reader gets fewer, and none waits in memory. */
async function* samples(
  read: () => ReturnType<Sandboxes['usage']>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  while (!signal.aborted) {
    const used = await read();
    const sample: UsageSample = {
      at: Date.now(),
      sandboxes: used.map(({ id: sandboxId, ...usage }) => ({ sandboxId, ...usage })),
    };
    yield `event: usage\ndata: ${JSON.stringify(sample)}\n\n`;
    await pause(EVERY_MS, undefined, { signal }).catch(() => {}); // the stream ends, which is no error
  }
}
