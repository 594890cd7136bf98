import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import { quotaUse } from '../../sandbox/quota.ts';
import type { Quotas, QuotaStore } from '../../store/quota-store.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import { isOperator, requireOperator } from '../../tenancy/caller.ts';
import type { Caller } from '../../tenancy/caller.ts';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

export interface QuotaRouteOptions {
  tenancy: Tenancy;
  quotas: QuotaStore;
  /** What every workspace may use that has no limits of its own. */
  usual: Quotas;
}

/** What workspaces may use. Whoever is limited sees the limits; who sets them is the operator, not the limited. */
export function quotaRoutes({ tenancy, quotas, usual }: QuotaRouteOptions): Binding[] {
  const { accounts } = tenancy;
  const visibleId = (caller: Caller, named: string): string => {
    const id = accounts.findWorkspaceId(named);
    const isVisible = isOperator(caller) || accounts.listWorkspaces(caller).some((one) => one.id === id);
    if (id !== undefined && isVisible) return id;
    throw new ApiError('not_found', `no workspace ${JSON.stringify(named.slice(0, 80))}`);
  };
  const show = (workspaceId: string, workspace: string) => ({
    workspace,
    ...quotaUse(quotas, usual, workspaceId),
  });
  return [
    bind(routes.getQuotas, ({ params }, { caller }) => show(visibleId(caller, params.id), params.id)),
    bind(routes.changeQuotas, ({ params, body }, context) => {
      requireOperator(context.caller);
      const workspaceId = visibleId(context.caller, params.id);
      context.target(workspaceId);
      quotas.change(workspaceId, withoutUndefined(body));
      return show(workspaceId, params.id);
    }),
  ];
}
