/** What clients of the Blaxel dialect list of products that this server has not: it has none of them. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel workspaces';

export const listAbsentBlaxelResources = defineRoute({
  id: 'listAbsentBlaxelResources',
  method: 'GET',
  paths: [
    '/v0/agents',
    '/v0/applications',
    '/v0/customdomains',
    '/v0/egressgateways',
    '/v0/egressips',
    '/v0/functions',
    '/v0/integrations/connections',
    '/v0/jobs',
    '/v0/models',
    '/v0/policies',
    '/v0/vpcs',
  ],
  summary: 'Resources of products that this server has not: an empty list',
  tag,
  access: 'viewer',
  response: z.union([
    z.array(z.unknown()),
    z.object({
      data: z.array(z.unknown()),
      meta: z.object({ hasMore: z.boolean(), total: z.number() }),
    }),
  ]),
  status: 200,
  errors: [],
});

export const listAbsentBlaxelTemplates = defineRoute({
  id: 'listAbsentBlaxelTemplates',
  method: 'GET',
  paths: ['/v0/templates', '/v0/mcp/hub'],
  summary: 'Templates on other servers, of which this one names none: an empty array',
  tag,
  access: 'viewer',
  response: z.array(z.unknown()),
  status: 200,
  errors: [],
});
