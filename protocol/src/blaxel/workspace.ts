/** Workspaces, places and catalogues of the Blaxel dialect (wire 1.3, 1.9). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel workspaces';

export const blaxelWorkspace = z.object({
  id: z.string(),
  name: z.string(),
  displayName: z.string(),
  accountId: z.string(),
  status: z.literal('ready'),
});
export type BlaxelWorkspace = z.output<typeof blaxelWorkspace>;

export const listBlaxelWorkspaces = defineRoute({
  id: 'listBlaxelWorkspaces',
  method: 'GET',
  paths: ['/v0/workspaces'],
  summary: 'The workspace that the key acts in',
  tag,
  access: 'viewer',
  response: z.array(blaxelWorkspace),
  status: 200,
  errors: [],
});

export const getBlaxelWorkspace = defineRoute({
  id: 'getBlaxelWorkspace',
  method: 'GET',
  paths: ['/v0/workspaces/{workspace}'],
  summary: 'A workspace that the key may use; how a login tries its key',
  tag,
  access: 'viewer',
  params: z.object({ workspace: z.string() }),
  response: blaxelWorkspace,
  status: 200,
  errors: ['not_found'],
});

export const getBlaxelConfiguration = defineRoute({
  id: 'getBlaxelConfiguration',
  method: 'GET',
  paths: ['/v0/configuration'],
  summary: 'What there is to choose from: one machine has no regions',
  tag,
  access: 'viewer',
  response: z.object({
    regions: z.array(z.never()),
    continents: z.array(z.never()),
    countries: z.array(z.never()),
    privateLocations: z.array(z.never()),
  }),
  status: 200,
  errors: [],
});

export const listBlaxelLocations = defineRoute({
  id: 'listBlaxelLocations',
  method: 'GET',
  paths: ['/v0/locations'],
  summary: 'Places to run in: one machine has none to choose from',
  tag,
  access: 'viewer',
  response: z.array(z.never()),
  status: 200,
  errors: [],
});
