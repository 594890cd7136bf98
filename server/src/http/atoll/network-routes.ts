import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import { requireOperator } from '../../tenancy/caller.ts';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

export interface NetworkRouteOptions {
  sandboxes: Sandboxes;
  tenancy: Tenancy;
}

/**
 * Counters and log of a sandbox's network, and the openings of workspaces. These are the operator's alone: what lies in
 * the ranges (the host, its neighbours, the metadata of the cloud) is the operator's, not the workspace's.
 */
export function networkRoutes({ sandboxes, tenancy }: NetworkRouteOptions): Binding[] {
  const workspaceId = (name: string): string => {
    const id = tenancy.accounts.findWorkspaceId(name);
    if (id === undefined)
      throw new ApiError('not_found', `no workspace ${JSON.stringify(name.slice(0, 80))}`);
    return id;
  };
  return [
    bind(routes.getSandboxNetwork, async ({ params }, { caller }) => {
      const record = sandboxes.get(caller.workspace.id, params.id);
      const report = await sandboxes.networkReport(record);
      return {
        ...report,
        sandboxId: record.id,
        allowInternetAccess: record.network.internet,
        allowOut: record.network.allowOut,
        denyOut: record.network.denyOut,
        openRanges: sandboxes.openings.of(record.workspaceId),
      };
    }),
    bind(routes.getNetworkOpenings, ({ params }, { caller }) => {
      requireOperator(caller);
      return { workspace: params.name, ranges: sandboxes.openings.of(workspaceId(params.name)) };
    }),
    bind(routes.putNetworkOpenings, async ({ params, body }, { caller }) => {
      requireOperator(caller);
      const id = workspaceId(params.name);
      await sandboxes.openings.put(id, body.ranges);
      return { workspace: params.name, ranges: sandboxes.openings.of(id) };
    }),
  ];
}
