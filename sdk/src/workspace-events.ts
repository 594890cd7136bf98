import { bodyChunks } from './body-chunks.ts';
import * as protocol from '@atoll/protocol';
import type { WorkspaceEvent } from '@atoll/protocol';
import type { Connection } from './connection.ts';
import { followEvents } from './follow-events.ts';
import { readEvents } from './server-sent-events.ts';
import { withoutUndefined } from './without-undefined.ts';

export type { WorkspaceEvent } from '@atoll/protocol';

export interface WorkspaceEventsOptions {
  /** The number of the last event that was seen; absent: from now on. */
  after?: number | undefined;
  /** Told each time the stream breaks; it is opened anew, and begins with `following` or `lost`. */
  onBreak?: ((error: unknown) => void) | undefined;
  /** Ends the events. */
  signal?: AbortSignal | undefined;
}

/** What changes in the workspace of the key, without an end. */
export function workspaceEvents(
  connection: Connection,
  { after, onBreak, signal }: WorkspaceEventsOptions,
): AsyncGenerator<WorkspaceEvent> {
  const open = (seen: number | undefined) => eventsOnce(connection, seen, signal);
  return followEvents({ open, after, what: 'the stream of events', onBreak, signal });
}

async function* eventsOnce(
  connection: Connection,
  after: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<WorkspaceEvent> {
  const transport = await connection.server();
  const response = await transport.stream(
    protocol.streamEvents,
    { query: withoutUndefined({ after }) },
    { signal },
  );
  for await (const { data } of readEvents(bodyChunks(response.body ?? new ReadableStream()))) {
    const event = protocol.workspaceEvent.safeParse(JSON.parse(data));
    // Newer servers may tell more.
    if (event.success) yield event.data;
  }
}
