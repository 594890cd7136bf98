import type { WorkspaceEvent } from '@atoll/sdk';
import { command } from '../command.ts';
import { integer, value } from '../parameter.ts';

export const events = command({
  name: 'events',
  summary:
    'what changes in the workspace, as it changes, until interrupted; with --json a line of JSON for each',
  args: {},
  options: {
    after: value('--after <id>', 'go on behind this event; default: from now on', integer(0)),
  },
  failure: 'follow the events',
  run: async ({ options, context: { admin, output, signal } }) => {
    for await (const event of admin.events({ after: options.after, signal }))
      await output.line(output.json ? JSON.stringify(event) : describe(event));
  },
});

function describe(event: WorkspaceEvent): string {
  if (!('target' in event))
    return event.kind === 'lost'
      ? `events before ${event.id} are no longer known`
      : `following from ${event.id}`;
  return [event.id, event.kind, event.target, statusOf(event.now)].join('\t');
}

/** Not everything has a status; what is gone has none. */
const statusOf = (now: Record<string, unknown> | undefined): string =>
  now === undefined ? 'gone' : String(now['status'] ?? 'changed');
