import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { LogEvent } from '@atoll/protocol';
import type { LogFollowing } from '../../sandbox/log-calls.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { lastEventId } from '../last-event-id.ts';
import { toFilter, toLogEvent, toLoggedProcess, toLogSignal } from './log-view.ts';

export interface LogRouteOptions {
  sandboxes: Sandboxes;
  /** Aborts when the server stops. */
  closing: AbortSignal;
}

const USUAL_LINES = 100;
/** Proxies cut connections on which nothing is said for a minute. */
const IDLE_MS = 15_000;

/** What the processes of sandboxes printed, of those that have ended too. */
export function logRoutes({ sandboxes, closing }: LogRouteOptions): Binding[] {
  return [
    bind(routes.getSandboxLogs, async ({ params, query }, { caller }) => {
      const { head, tail, nextToken } = query;
      if (head !== undefined && tail !== undefined)
        throw new ApiError('invalid_request', 'a log is read from its head or from its tail, not both');
      const record = sandboxes.get(caller.workspace.id, params.id);
      const page = await sandboxes.readLog(record, {
        filter: toFilter(query),
        from: tail === undefined ? 'oldest' : 'newest',
        limit: head ?? tail ?? USUAL_LINES,
        ...(nextToken !== undefined && { at: Number(nextToken) }),
      });
      return {
        logs: page.entries.map(({ entry }) => toLogSignal(entry, record, caller.workspace.name)),
        ...(page.next !== undefined && { nextToken: String(page.next) }),
      };
    }),
    bind(routes.listLoggedProcesses, async ({ params }, { caller }) => {
      const record = sandboxes.get(caller.workspace.id, params.id);
      return { processes: (await sandboxes.loggedProcesses(record)).map(toLoggedProcess) };
    }),
    bind(routes.followSandboxLogs, ({ params, query }, context) => {
      const { workspace } = context.caller;
      const record = sandboxes.get(workspace.id, params.id);
      const after = query.after ?? lastEventId(context.header('last-event-id'));
      const following = {
        filter: toFilter(query),
        idleMs: IDLE_MS,
        signal: AbortSignal.any([context.signal, closing]),
        ...(query.tail !== undefined && { tail: query.tail }),
        ...(after !== undefined && { after }),
      };
      context.contentType('text/event-stream');
      return toServerSentEvents(sandboxes, record, following, workspace.name);
    }),
  ];
}

async function* toServerSentEvents(
  sandboxes: Sandboxes,
  record: SandboxRecord,
  following: LogFollowing,
  namespace: string,
): AsyncGenerator<string> {
  let id = following.after ?? 0;
  // The answer begins at once, also where nothing was printed yet.
  yield ': following\n\n';
  for await (const one of sandboxes.followLog(record, following)) {
    if (one !== 'idle') id = one.end;
    yield one === 'idle' ? ': idle\n\n' : toText(toLogEvent(one, record, namespace));
  }
  if (!following.signal.aborted) yield toText({ id, kind: 'end' });
}

const toText = (event: LogEvent): string =>
  `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
