/** The platform API of the Tensorlake dialect: who a key belongs to, and the device login (wire 1.7). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Platform';

export const introspectKey = defineRoute({
  id: 'introspectKey',
  method: 'POST',
  paths: ['/platform/v1/keys/introspect'],
  summary: 'The key, organization and project that a request acts for',
  tag,
  access: 'viewer',
  response: z.object({ id: z.string(), organizationId: z.string(), projectId: z.string() }),
  status: 200,
  errors: [],
});

export const startLogin = defineRoute({
  id: 'startLogin',
  method: 'POST',
  paths: ['/platform/cli/login/start'],
  summary: 'Begin a device login; somebody with a key approves the user code',
  tag,
  access: 'public',
  response: z.object({ device_code: z.string(), user_code: z.string(), expires_in: z.number() }),
  status: 200,
  errors: [],
});

export const pollLogin = defineRoute({
  id: 'pollLogin',
  method: 'GET',
  paths: ['/platform/cli/login/poll'],
  summary: 'How a device login stands',
  tag,
  access: 'public',
  query: z.object({ device_code: z.string() }),
  response: z.object({ status: z.enum(['pending', 'approved', 'expired', 'failed']) }),
  status: 200,
  errors: [],
});

export const exchangeLogin = defineRoute({
  id: 'exchangeLogin',
  method: 'POST',
  paths: ['/platform/cli/login/exchange'],
  summary: 'Trade an approved device code for a personal access token, once',
  tag,
  access: 'public',
  body: z.object({ device_code: z.string() }),
  response: z.object({ access_token: z.string(), organization_id: z.string(), project_id: z.string() }),
  status: 200,
  errors: ['not_found', 'conflict'],
});
