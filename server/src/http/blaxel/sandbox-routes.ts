import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelSandbox, BlaxelSandboxBody, BlaxelSandboxSpec } from '@atoll/protocol';
import type { Deployed, DeployedSandboxes } from '../../sandbox/deployed-sandboxes.ts';
import type { DeclaredRequest } from '../../sandbox/declared-sandboxes.ts';
import type { DeploymentSource } from '../../sandbox/deployments.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel, hasPages } from './blaxel-version.ts';
import { isWanted, pageOf } from './sandbox-page.ts';
import {
  needsNewStart,
  registrySource,
  toDeclaredRequest,
  withImage,
  withImageBuiltBefore,
} from './sandbox-request.ts';
import { shownName, toBlaxelSandbox, undeclaredSpec } from './sandbox-view.ts';
import { secondsOf } from './time-span.ts';
import { uploadUrl } from './upload-routes.ts';

export interface BlaxelSandboxRoutesOptions {
  deployed: DeployedSandboxes;
  clock: Clock;
  /** After how long without a request a sandbox stands by. */
  standbyAfterSecs: number;
}

/** Clients wait no longer than this for a create; the start goes on beyond it. */
const CREATE_TIMEOUT_MS = 55_000;
const DEFAULT_RETENTION = '5m';

/** The sandboxes of the Blaxel dialect (wire 1.5). */
export function blaxelSandboxRoutes({
  deployed,
  clock,
  standbyAfterSecs,
}: BlaxelSandboxRoutesOptions): Binding[] {
  const show = (one: Deployed, context: RequestContext, showSecrets = false): BlaxelSandbox =>
    toBlaxelSandbox(one, {
      workspace: context.caller.workspace.name,
      baseUrl: context.baseUrl,
      now: clock.now(),
      env: deployed.environmentOf(one.record),
      showSecrets,
    });

  /** Throws once an ended sandbox was readable for as long as its declaration says. */
  const find = (name: string, context: RequestContext): Deployed => {
    const one = deployed.get(context.caller.workspace.id, name);
    if (isForgotten(one, clock.now())) throw notFound(name);
    return one;
  };

  /** Who may read a sandbox is not who may read its secrets. */
  const mayShow = (asked: 'true' | 'false' | undefined, { caller }: RequestContext): boolean =>
    asked === 'true' && caller.role !== 'viewer';

  const read = (
    name: string | undefined,
    body: BlaxelSandboxBody,
    context: RequestContext,
    now?: { createdAt: number; env: Record<string, string> },
  ) =>
    toDeclaredRequest(name, body, {
      by: context.caller.member.name,
      workspace: context.caller.workspace.name,
      standbyAfterSecs,
      createdAt: clock.now(),
      env: {},
      ...now,
    });

  /** Builds an image and runs what is declared on it, in the place of what has the name if there is any. */
  const deploy = (
    body: BlaxelSandboxBody,
    source: DeploymentSource,
    replaces: Deployed | undefined,
    context: RequestContext,
  ): BlaxelSandbox => {
    const before = replaces?.declaration;
    const now = before && { createdAt: before.createdAt, env: deployed.environmentOf(replaces.record) };
    const { name } = read(body.metadata?.name ?? undefined, body, context, now);
    const runOn = (image: string): DeclaredRequest => read(name, withImage(body, image), context, now);
    const { keyId, member, workspace } = context.caller;
    const asked = { name, source, by: member.name, keyId, runOn };
    const one = deployed.deploy(workspace.id, asked, { replaces: replaces !== undefined });
    context.target(name);
    if (one.token !== undefined) context.answerHeader(...uploadUrl(context.baseUrl, one.token));
    return show(one, context);
  };

  const setArchived = async (name: string, isArchived: boolean, context: RequestContext) => {
    find(name, context);
    const one = await deployed.setArchived(context.caller.workspace.id, name, isArchived);
    context.target(one.record.id);
    return show(one, context);
  };

  return [
    bindBlaxel(routes.createBlaxelSandbox, async ({ body: given, query }, context) => {
      const body = withImageBuiltBefore(given);
      const source = sourceOf(query.upload, body);
      if (source) return deploy(body, source, undefined, context);
      const asked = read(body.metadata?.name ?? undefined, body, context);
      const make = query.createIfNotExist === 'true' ? deployed.createIfMissing : deployed.create;
      const one = await make(context.caller.workspace.id, asked, CREATE_TIMEOUT_MS);
      context.target(one.record.id);
      return show(one, context);
    }),
    bindBlaxel(routes.listBlaxelSandboxes, ({ query }, context) => {
      const now = clock.now();
      const all = newestOfEachName(
        deployed.list(context.caller.workspace.id).filter((one) => !isForgotten(one, now)),
      );
      if (!hasPages(context) && query.limit === undefined)
        return all.filter((one) => isWanted(one, query, now)).map((one) => show(one, context));
      const { shown, nextCursor, total } = pageOf(all, query, now);
      const data = shown.map((one) => show(one, context));
      if (!hasPages(context)) return data;
      return {
        data,
        meta: { hasMore: nextCursor !== undefined, total, ...(nextCursor !== undefined && { nextCursor }) },
      };
    }),
    bindBlaxel(routes.getBlaxelSandboxByExternalId, ({ params, query }, context) => {
      const matching = deployed
        .list(context.caller.workspace.id)
        .filter(({ declaration }) => declaration?.externalId === params.externalId);
      const one = matching.find(({ record }) => record.terminatedAt === undefined);
      if (!one) throw notFound(params.externalId);
      return show(one, context, mayShow(query.show_secrets, context));
    }),
    bindBlaxel(routes.getBlaxelSandbox, ({ params, query }, context) => {
      const one = find(params.name, context);
      deployed.tell(one);
      return show(one, context, mayShow(query.show_secrets, context));
    }),
    bindBlaxel(routes.replaceBlaxelSandbox, async ({ params, query, body: given }, context) => {
      const present = find(params.name, context);
      const named = { ...given, metadata: { ...given.metadata, name: params.name } };
      const body = withImageBuiltBefore(named);
      const source = sourceOf(query.upload, body);
      if (source) return deploy(body, source, present, context);
      const one = await deployed.replace(
        context.caller.workspace.id,
        params.name,
        ({ record, declaration }) => {
          const env = deployed.environmentOf(record);
          const createdAt = declaration?.createdAt ?? record.createdAt;
          const asked = read(params.name, body, context, { createdAt, env });
          return {
            asked,
            startsAnew: needsNewStart({ spec: declaration?.spec ?? undeclaredSpec(record), env }, asked),
          };
        },
        CREATE_TIMEOUT_MS,
      );
      context.target(one.record.id);
      return show(one, context);
    }),
    bindBlaxel(routes.archiveBlaxelSandbox, ({ params }, context) => setArchived(params.name, true, context)),
    bindBlaxel(routes.unarchiveBlaxelSandbox, ({ params }, context) =>
      setArchived(params.name, false, context),
    ),
    bindBlaxel(routes.deleteBlaxelSandbox, async ({ params }, context) => {
      find(params.name, context);
      const one = await deployed.remove(context.caller.workspace.id, params.name);
      context.target(one.record.id);
      return show(one, context);
    }),
  ];
}

const notFound = (name: string): ApiError =>
  new ApiError('sandbox_not_found', `no sandbox ${JSON.stringify(name.slice(0, 80))}`);

/** Whether it has been over for longer than its declaration keeps it readable. */
function isForgotten({ record, declaration }: Deployed, now: number): boolean {
  const endedAt = record.terminatedAt ?? record.expiresAt ?? Infinity;
  const spec: BlaxelSandboxSpec = declaration?.spec ?? {};
  return endedAt + secondsOf(spec.lifecycle?.terminatedRetention ?? DEFAULT_RETENTION) * 1000 <= now;
}

/** A name is free as soon as its sandbox has ended: of all that had it, the newest is meant. */
function newestOfEachName(all: readonly Deployed[]): Deployed[] {
  const seen = new Set<string>();
  return all.filter(({ record }) => {
    const name = shownName(record);
    return !seen.has(name) && seen.add(name);
  });
}

/** What the image is built of first, where it is. */
function sourceOf(
  upload: 'true' | 'false' | undefined,
  body: BlaxelSandboxBody,
): DeploymentSource | undefined {
  return upload === 'true' ? { kind: 'upload' } : registrySource(body);
}
