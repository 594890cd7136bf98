import * as routes from '@atoll/protocol';
import type { UsageSample } from '@atoll/protocol';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { sampledEvents } from '../sampled-events.ts';

interface Options {
  sandboxes: Pick<Sandboxes, 'usage'>;
  /** Aborts when the server stops. */
  closing: AbortSignal;
}

/** What sandboxes use, for who looks at it: nothing is read while nobody does. */
export function usageRoutes({ sandboxes, closing }: Options): Binding[] {
  const sample = async (workspaceId: string): Promise<UsageSample> => {
    const used = await sandboxes.usage(workspaceId);
    return {
      at: Date.now(),
      sandboxes: used.map(({ id: sandboxId, ...usage }) => ({ sandboxId, ...usage })),
    };
  };
  return [
    bind(routes.streamUsage, (_input, context) => {
      context.contentType('text/event-stream');
      const workspaceId = context.caller.workspace.id;
      return sampledEvents('usage', () => sample(workspaceId), AbortSignal.any([context.signal, closing]));
    }),
  ];
}
