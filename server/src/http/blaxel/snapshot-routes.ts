import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelForkBody, BlaxelSandboxSpec, BlaxelSnapshot } from '@atoll/protocol';
import type { Declared, DeclaredRequest } from '../../sandbox/declared-sandboxes.ts';
import type { DeclaredSnapshots, NamedSnapshot } from '../../sandbox/declared-snapshots.ts';
import type { DeployedSandboxes } from '../../sandbox/deployed-sandboxes.ts';
import { isEnded } from '../../sandbox/lifecycle.ts';
import type { Clock } from '../../lib/clock.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel } from './blaxel-version.ts';
import { ownEnv } from './identity-env.ts';
import { listOf } from './list-page.ts';
import { toDeclaredRequest } from './sandbox-request.ts';
import { shownName, undeclaredSpec } from './sandbox-view.ts';

export interface BlaxelSnapshotRoutesOptions {
  deployed: Pick<DeployedSandboxes, 'living' | 'environmentOf'>;
  declaredOf: (record: SandboxRecord) => Declared | undefined;
  declaredSnapshots: DeclaredSnapshots;
  clock: Clock;
  standbyAfterSecs: number;
}

const FORK_TIMEOUT_MS = 55_000;

/** Snapshots, and sandboxes that begin with one (wire 1.5). */
export function blaxelSnapshotRoutes(options: BlaxelSnapshotRoutesOptions): Binding[] {
  const { deployed, declaredSnapshots: snapshots, clock, standbyAfterSecs } = options;
  const sandboxOf = ({ name }: { name: string }, { caller }: RequestContext): SandboxRecord =>
    deployed.living(caller.workspace.id, name);

  const show = (one: NamedSnapshot, { caller }: RequestContext): BlaxelSnapshot => {
    const { record, name } = one;
    const source = snapshots.sourceOf(one)?.record;
    const sandboxName = record.sandboxName ?? record.sandboxId;
    return {
      id: record.id,
      name,
      sandboxName,
      source: { name: sandboxName, kind: 'sandbox', deleted: source === undefined || isEnded(source.state) },
      status: statuses[record.status],
      workspace: caller.workspace.name,
      createdAt: new Date(record.createdAt).toISOString(),
    };
  };

  /** The copy is declared as its source is; what it is given of its own comes first. */
  const requestFor = (
    body: BlaxelForkBody,
    source: Declared,
    { caller }: RequestContext,
  ): DeclaredRequest => {
    const { record, declaration } = source;
    const spec: BlaxelSandboxSpec = declaration?.spec ?? undeclaredSpec(record);
    const env = { ...ownEnv(spec, deployed.environmentOf(record)), ...envOf(body) };
    const name = targetOf(body);
    const runtime = { ...spec.runtime, envs: envsOf(spec, env) };
    const asked = { metadata: { name, labels: declaration?.labels ?? {} }, spec: { ...spec, runtime } };
    const { member, workspace } = caller;
    const by = { by: member.name, workspace: workspace.name };
    return toDeclaredRequest(name, asked, { ...by, createdAt: clock.now(), env, standbyAfterSecs });
  };

  const take = async (name: string, asked: string | null | undefined, context: RequestContext) =>
    show(await snapshots.take(sandboxOf({ name }, context), asked ?? undefined), context);

  const startFrom = async (one: NamedSnapshot, body: BlaxelForkBody, context: RequestContext) => {
    const source = snapshots.sourceOf(one);
    if (source === undefined)
      throw new ApiError(
        'unsupported',
        `what snapshot ${one.record.id} was taken of is no longer remembered`,
      );
    const asked = requestFor(body, source, context);
    const { record } = await snapshots.start(
      context.caller.workspace.id,
      one.record.id,
      asked,
      FORK_TIMEOUT_MS,
    );
    context.target(record.id);
    return { name: shownName(record), type: 'sandbox' as const, snapshotId: one.record.id };
  };

  return [
    bindBlaxel(routes.listBlaxelSandboxSnapshots, ({ params }, context) =>
      snapshots.ofSandbox(sandboxOf(params, context)).map((one) => show(one, context)),
    ),
    bindBlaxel(routes.createBlaxelSandboxSnapshot, ({ params, body }, context) =>
      take(params.name, body.name, context),
    ),
    bindBlaxel(routes.createBlaxelSnapshot, ({ body }, context) =>
      take(body.source.name, body.name, context),
    ),
    bindBlaxel(routes.deleteBlaxelSandboxSnapshot, ({ params }, context) => {
      const one = snapshots.find(sandboxOf(params, context), params.snapshot);
      snapshots.remove(one);
      return show(one, context);
    }),
    bindBlaxel(routes.restoreBlaxelSandboxSnapshot, async ({ params }, context) => {
      const sandbox = sandboxOf(params, context);
      const one = snapshots.find(sandbox, params.snapshot);
      await snapshots.restore(sandbox, one);
      return { name: params.name, snapshotId: one.record.id };
    }),
    bindBlaxel(routes.listBlaxelSnapshots, ({ query }, context) => {
      const all = snapshots.list(context.caller.workspace.id).map((one) => ({ id: one.record.id, one }));
      return listOf(all, ({ one }) => show(one, context), query, context);
    }),
    bindBlaxel(routes.getBlaxelSnapshot, ({ params }, context) =>
      show(snapshots.get(context.caller.workspace.id, params.snapshot), context),
    ),
    bindBlaxel(routes.deleteBlaxelSnapshot, ({ params }, context) => {
      const one = snapshots.get(context.caller.workspace.id, params.snapshot);
      snapshots.remove(one);
      return show(one, context);
    }),
    bindBlaxel(routes.forkBlaxelSnapshot, ({ params, body }, context) =>
      startFrom(snapshots.get(context.caller.workspace.id, params.snapshot), body, context),
    ),
    bindBlaxel(routes.forkBlaxelSandbox, async ({ params, body }, context) => {
      const source = sandboxOf(params, context);
      const snapshotId = body.snapshotId ?? body.snapshot_id;
      if (snapshotId != null) return startFrom(snapshots.find(source, snapshotId), body, context);
      const asked = requestFor(body, options.declaredOf(source) ?? { record: source }, context);
      const { record } = await snapshots.fork(source, asked, FORK_TIMEOUT_MS);
      context.target(record.id);
      return { name: shownName(record), type: 'sandbox' as const };
    }),
  ];
}

const statuses = {
  in_progress: 'pending',
  local_ready: 'ready',
  completed: 'ready',
  failed: 'failed',
} as const;

function targetOf(body: BlaxelForkBody): string {
  const type = body.targetType ?? body.type ?? 'sandbox';
  if (type !== 'sandbox')
    throw new ApiError('unsupported', `a fork becomes a sandbox, not ${JSON.stringify(type)}`);
  const name = body.targetName ?? body.target_name;
  if (name == null) throw new ApiError('invalid_request', 'body.targetName is missing');
  return name;
}

/** Which of them are secret is known of those that the source has. */
function envsOf({ runtime }: BlaxelSandboxSpec, env: Record<string, string>) {
  const known = new Map(runtime?.envs?.map((entry) => [entry.name, entry]));
  return Object.entries(env).map(([name, value]) => ({ ...known.get(name), name, value }));
}

const envOf = ({ envs }: BlaxelForkBody): Record<string, string> =>
  Object.fromEntries((envs ?? []).map(({ name, value }) => [name, value ?? '']));
