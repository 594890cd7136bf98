import * as routes from '@atoll/protocol';
import type { BuildEvent } from '@atoll/protocol';
import { toBuild } from '../../build/builds.ts';
import type { Builds } from '../../build/builds.ts';
import type { BuildRequest } from '../../build/build-request.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { lastEventId } from '../last-event-id.ts';

/** Builds of images, and their logs. */
export function buildRoutes({ builds, sandboxes }: { builds: Builds; sandboxes: Sandboxes }): Binding[] {
  return [
    bind(routes.createBuild, ({ body }, context) => {
      const record = builds.create(context.caller.workspace.id, {
        ...toRequest(body),
        createdBy: context.caller.keyId,
      });
      context.target(record.id);
      return toBuild(record);
    }),
    bind(routes.uploadBuildContext, async ({ params }, { caller, body, signal }) =>
      toBuild(await builds.upload(caller.workspace.id, params.id, body, signal)),
    ),
    bind(routes.listBuilds, ({ query }, { caller }) => {
      const { limit, cursor, status } = query;
      const page = withoutUndefined({ status, after: cursor, limit: limit && limit + 1 });
      const found = builds.list(caller.workspace.id, page);
      const shown = limit === undefined ? found : found.slice(0, limit);
      const last = shown.at(-1);
      const hasMore = found.length > shown.length && last !== undefined;
      return { builds: shown.map(toBuild), ...(hasMore && { nextCursor: last.id }) };
    }),
    bind(routes.getBuild, ({ params }, { caller }) => toBuild(builds.get(caller.workspace.id, params.id))),
    bind(routes.streamBuildEvents, ({ params, query }, context) => {
      const after = query.after ?? lastEventId(context.header('last-event-id')) ?? 0;
      const reading = { after, follow: query.follow ?? true, signal: context.signal };
      const events = builds.events(context.caller.workspace.id, params.id, reading);
      context.contentType('text/event-stream');
      return toServerSentEvents(events);
    }),
    bind(routes.lendSshAgents, ({ params }, context) => {
      const { workspace, keyId } = context.caller;
      const lending = builds.lendingOf(workspace.id, params.id, keyId).lend(context.signal);
      context.contentType('text/event-stream');
      return toSshEvents(lending);
    }),
    bind(routes.answerSshRequest, ({ params, body }, { caller }) =>
      builds.lendingOf(caller.workspace.id, params.id, caller.keyId).answer(body),
    ),
    bind(routes.cancelBuild, async ({ params }, { caller }) =>
      toBuild(await builds.cancel(caller.workspace.id, params.id)),
    ),
    bind(routes.debugBuild, async ({ params }, context) => {
      const { imageId, command, user, workingDir, env } = builds.debugState(
        context.caller.workspace.id,
        params.id,
      );
      const created = await sandboxes.create(
        context.caller.workspace.id,
        { image: imageId, limits: {} },
        context.timeoutMs,
      );
      return { sandboxId: created.record.id, command: [...command], user, workingDir, env };
    }),
  ];
}

function toRequest(body: routes.RouteInput<typeof routes.createBuild>['body']): BuildRequest {
  const { secrets, dockerConfigJson, timeoutSeconds, ...rest } = body;
  return withoutUndefined({
    ...rest,
    dockerConfig: dockerConfigJson,
    timeoutMs: timeoutSeconds && timeoutSeconds * 1000,
    secrets: new Map(Object.entries(secrets).map(([id, text]) => [id, Buffer.from(text, 'base64')])),
  });
}

async function* toServerSentEvents(events: AsyncIterable<BuildEvent>): AsyncGenerator<string> {
  for await (const event of events)
    yield `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

async function* toSshEvents(events: AsyncIterable<routes.SshEvent | undefined>): AsyncGenerator<string> {
  // The answer begins, so that the client knows that it lends.
  yield ': lent\n\n';
  for await (const event of events)
    yield event === undefined ? ': idle\n\n' : `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
