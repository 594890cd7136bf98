import * as routes from '@atoll/protocol';
import type { BlaxelWorkspace } from '@atoll/protocol';
import type { Caller } from '../../tenancy/caller.ts';
import type { Binding } from '../bind.ts';
import { bindBlaxel, hasPages } from './blaxel-version.ts';

/** Workspaces and places of the Blaxel dialect (wire 1.3, 1.9). */
export function blaxelWorkspaceRoutes(): Binding[] {
  return [
    bindBlaxel(routes.listBlaxelWorkspaces, (_input, { caller }) => [toWorkspace(caller)]),
    bindBlaxel(routes.getBlaxelWorkspace, (_input, { caller }) => toWorkspace(caller)),
    bindBlaxel(routes.getBlaxelConfiguration, () => ({
      regions: [],
      continents: [],
      countries: [],
      privateLocations: [],
    })),
    bindBlaxel(routes.listBlaxelLocations, () => []),
    bindBlaxel(routes.listAbsentBlaxelResources, (_input, context) =>
      hasPages(context) ? { data: [], meta: { hasMore: false, total: 0 } } : [],
    ),
    bindBlaxel(routes.listAbsentBlaxelTemplates, () => []),
  ];
}

const toWorkspace = ({ workspace, account }: Caller): BlaxelWorkspace => ({
  id: workspace.id,
  name: workspace.name,
  displayName: workspace.name,
  accountId: account.id,
  status: 'ready',
});
