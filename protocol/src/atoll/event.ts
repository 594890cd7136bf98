/** What happens in a workspace, as it happens: the server's own API. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

export const workspaceEventKinds = ['sandbox', 'snapshot', 'pool', 'build', 'image'] as const;

/**
 * One event. `sandbox`, `snapshot`, `pool`, `build` and `image` say that the one with the id `target` (an image: of the
 * name) is not as it was; `now` is what it is, in the words of the route that gets it, and absent when it is gone.
 * `following` comes first: nothing behind its number is missed from then on. `lost` comes in its place where events
 * behind the asked number are no longer known: read anew what you show.
 */
export const workspaceEvent = z.union([
  z.object({
    id: z.number(),
    kind: z.enum(workspaceEventKinds),
    target: z.string(),
    now: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({ id: z.number(), kind: z.enum(['following', 'lost']) }),
]);
export type WorkspaceEvent = z.output<typeof workspaceEvent>;

export const streamEvents = defineRoute({
  id: 'streamEvents',
  method: 'GET',
  paths: ['/v1/events'],
  summary: `What changes in the workspace as server-sent events (${workspaceEventKinds.join(', ')}), from now on or after an id`,
  tag: 'Events',
  access: 'viewer',
  query: z.object({
    /** The id of the last event that was seen. The header `Last-Event-ID` says the same. */
    after: z.coerce.number().int().nonnegative().optional(),
  }),
  responseKind: 'stream',
  status: 200,
  errors: ['invalid_request'],
});
