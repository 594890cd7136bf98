import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { PortUrl, SandboxInfo, SshEndpoint } from '@atoll/protocol';
import type { Copied } from '../../sandbox/copy.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { toNetworkRules, toRollbackTarget, toSandboxRequest, toSandboxUpdate } from './sandbox-request.ts';
import { filterOf, toArchivedInfo, toCopyAnswer, toCreateAnswer, toSandboxInfo } from './sandbox-view.ts';

export interface SandboxRoutesOptions {
  sandboxes: Sandboxes;
  show: SandboxView;
  /** Resolves when the URLs of ports that were exposed just now are known. */
  portsSettled: () => Promise<void>;
}

/** A sandbox as a request for it is answered. */
export type SandboxView = (record: SandboxRecord, context: RequestContext) => SandboxInfo;

/** What an answer says of the ways into a sandbox. */
export interface SandboxViewOptions {
  portUrls: (record: SandboxRecord, baseUrl: string) => PortUrl[];
  /** Where SSH is served, if it is. */
  ssh: () => SshEndpoint | undefined;
}

export const createSandboxView =
  ({ portUrls, ssh }: SandboxViewOptions): SandboxView =>
  (record, { caller, baseUrl }) =>
    toSandboxInfo(record, caller.workspace.name, baseUrl, {
      portUrls: record.exposedPorts.length > 0 ? portUrls(record, baseUrl) : [],
      ssh: ssh(),
    });

/** The lifecycle API of the Tensorlake dialect (wire 1.4). */
export function sandboxRoutes({ sandboxes, show, portsSettled }: SandboxRoutesOptions): Binding[] {
  const showEnded = (record: SandboxRecord, context: RequestContext) =>
    toArchivedInfo(record, context.caller.workspace.name, context.baseUrl);

  /** The sandbox that a change is about; the audit record names it by id. */
  const named = (identifier: string, context: RequestContext): SandboxRecord => {
    const record = sandboxes.get(context.caller.workspace.id, identifier);
    context.target(record.id);
    return record;
  };

  return [
    bind(routes.createSandbox, async ({ body }, context) => {
      const created = await sandboxes.create(
        context.caller.workspace.id,
        toSandboxRequest(body),
        context.timeoutMs,
      );
      context.target(created.record.id);
      await portsSettled();
      if (created.kind === 'timeout') context.status(504);
      return toCreateAnswer(created, context.baseUrl);
    }),
    bind(routes.listSandboxes, ({ query }, context) => {
      const found = sandboxes.list(context.caller.workspace.id, {
        ...(query.limit !== undefined && { limit: query.limit + 1, ...after(query.cursor) }),
        ...(query.status !== undefined && { filter: filterOf(query.status) }),
      });
      const shown = found.slice(0, query.limit);
      const last = shown.at(-1);
      return {
        sandboxes: shown.map((record) => show(record, context)),
        ...(found.length > shown.length &&
          last && { next_cursor: formatCursor({ at: last.createdAt, id: last.id }) }),
      };
    }),
    bind(routes.getSandbox, ({ params }, context) =>
      show(sandboxes.get(context.caller.workspace.id, params.id), context),
    ),
    bind(routes.updateSandbox, async ({ params, body }, context) => {
      const record = named(params.id, context);
      const { id } = context.caller.workspace;
      const update = toSandboxUpdate(body);
      // All or nothing, as far as can be known before.
      sandboxes.requireUpdatable(id, record.id, update);
      if (body.network !== undefined) await sandboxes.setNetwork(record, toNetworkRules(body.network));
      const changed = sandboxes.update(id, record.id, update);
      await portsSettled();
      return show(changed, context);
    }),
    bind(routes.deleteSandbox, ({ params }, context) => {
      const record = sandboxes.getToTerminate(context.caller.workspace.id, params.id);
      context.target(record.id);
      return sandboxes.terminate(record);
    }),
    bind(routes.suspendSandbox, async ({ params }, context) => {
      const record = named(params.id, context);
      const isSuspended = await sandboxes.beginSuspend(record, context.preferredWaitMs);
      if (record.state === 'suspended' || isSuspended) context.status(200);
    }),
    bind(routes.resumeSandbox, async ({ params }, context) => {
      const record = named(params.id, context);
      if (record.state === 'running') context.status(200);
      await sandboxes.resume(record);
    }),
    bind(routes.rollbackSandbox, async ({ params, body }, context) =>
      show(await sandboxes.rollback(named(params.id, context), toRollbackTarget(body)), context),
    ),
    bind(routes.copySandbox, async ({ params, query }, context) => {
      const source = named(params.id, context);
      const copies = await sandboxes.copy(source, { times: query.times, timeoutMs: context.timeoutMs });
      const isOf = (kind: Copied['kind']): boolean => copies.some((copy) => copy.kind === kind);
      if (isOf('failed')) context.status(422);
      else if (isOf('timeout')) context.status(504);
      return {
        source_sandbox_id: source.id,
        sandboxes: copies.map((copy) => toCopyAnswer(copy, context.baseUrl)),
      };
    }),
    bind(routes.listArchivedSandboxes, ({ query }, context) => {
      const { limit, direction } = query;
      const found = sandboxes.listEnded(context.caller.workspace.id, {
        limit: limit + 1,
        direction,
        ...after(query.cursor),
      });
      const page = direction === 'forward' ? found.slice(0, limit) : found.slice(-limit);
      const hasMore = found.length > page.length;
      return {
        sandboxes: page.map((record) => showEnded(record, context)),
        next_cursor: direction === 'backward' || hasMore ? cursorOf(page.at(-1)) : null,
        prev_cursor:
          direction === 'forward'
            ? query.cursor === undefined
              ? null
              : cursorOf(page[0])
            : hasMore
              ? cursorOf(page[0])
              : null,
      };
    }),
    bind(routes.getArchivedSandbox, ({ params }, context) =>
      showEnded(sandboxes.getEnded(context.caller.workspace.id, params.id), context),
    ),
  ];
}

const after = (cursor: string | undefined) => (cursor === undefined ? {} : { after: parseCursor(cursor) });

function cursorOf(record: SandboxRecord | undefined): string | null {
  if (record === undefined) return null;
  if (record.terminatedAt === undefined)
    throw new ApiError('internal', `sandbox ${record.id} is archived but has not ended`);
  return formatCursor({ at: record.terminatedAt, id: record.id });
}
