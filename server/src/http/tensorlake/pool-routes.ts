import * as routes from '@atoll/protocol';
import type { Pools } from '../../sandbox/pools.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { toPoolInfo, toPoolRequest } from './pool-view.ts';
import { requireNoFileSystems } from './sandbox-request.ts';
import { toCreateAnswer } from './sandbox-view.ts';

/** The pools of the Tensorlake dialect (wire 1.6). */
export function poolRoutes({ pools }: { pools: Pools }): Binding[] {
  const workspaceOf = ({ caller }: RequestContext): string => caller.workspace.id;
  return [
    bind(routes.createPool, async ({ body }, context) => {
      const { id } = await pools.create(workspaceOf(context), toPoolRequest(body));
      context.target(id);
      return { pool_id: id, namespace: context.caller.workspace.name };
    }),
    bind(routes.listPools, (_input, context) => ({
      pools: pools.list(workspaceOf(context)).map((pool) => toPoolInfo(pool, context.caller.workspace.name)),
    })),
    bind(routes.getPool, ({ params }, context) => {
      const { pool, ...seen } = pools.get(workspaceOf(context), params.id);
      return toPoolInfo(pool, context.caller.workspace.name, seen);
    }),
    bind(routes.updatePool, async ({ params, body }, context) => {
      const pool = await pools.update(workspaceOf(context), params.id, toPoolRequest(body));
      return toPoolInfo(pool, context.caller.workspace.name);
    }),
    bind(routes.deletePool, ({ params }, context) => pools.delete(workspaceOf(context), params.id)),
    bind(routes.claimSandbox, async ({ params, body }, context) => {
      requireNoFileSystems(body);
      const created = await pools.claim(workspaceOf(context), params.id, context.timeoutMs);
      context.target(created.record.id);
      if (created.kind === 'timeout') context.status(504);
      return { ...toCreateAnswer(created, context.baseUrl), claim_configuration_applied: true as const };
    }),
  ];
}
