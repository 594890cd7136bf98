/** How programs and people sign in through the Blaxel dialect (wire 1.3). */
import { z } from 'zod';
import { roles, defineRoute } from '../route.ts';
import { timeSpan } from './sandbox.ts';

const tag = 'Blaxel credentials';

export const blaxelTokenRequest = z.object({
  grant_type: z.enum([
    'client_credentials',
    'refresh_token',
    'device_code',
    'urn:ietf:params:oauth:grant-type:device_code',
  ]),
  /** Of a service account, unless it comes in the header, as `Basic`. */
  client_id: z.string().max(200).optional(),
  client_secret: z.string().max(200).optional(),
  refresh_token: z.string().max(2000).optional(),
  device_code: z.string().max(200).optional(),
});

export const oauthToken = defineRoute({
  id: 'oauthToken',
  method: 'POST',
  paths: ['/v0/oauth/token', '/oauth/token'],
  summary: 'Get a token for two hours: with a service account, an approved device login, or a refresh token',
  tag,
  access: 'public',
  body: blaxelTokenRequest,
  bodyKind: 'form',
  response: z.object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.number(),
    refresh_token: z.string().optional(),
  }),
  status: 200,
  errors: [
    'invalid_request',
    'unauthenticated',
    'invalid_state',
    'not_found',
    'conflict',
    'too_many_attempts',
  ],
});

export const startBlaxelLogin = defineRoute({
  id: 'startBlaxelLogin',
  method: 'POST',
  paths: ['/v0/login/device', '/login/device'],
  summary: 'Begin a device login; somebody with a personal token approves the user code',
  tag,
  access: 'public',
  body: z.object({ client_id: z.string().optional(), scope: z.string().optional() }),
  bodyKind: 'form',
  response: z.object({
    device_code: z.string(),
    user_code: z.string(),
    verification_uri: z.string(),
    verification_uri_complete: z.string(),
    expires_in: z.number(),
    /** Seconds to wait between two questions for the token. */
    interval: z.number(),
  }),
  status: 200,
  errors: [],
});

export const blaxelServiceAccount = z.object({
  client_id: z.string(),
  name: z.string(),
  description: z.string(),
  role: z.enum(roles),
  created_at: z.string(),
  updated_at: z.string(),
});

export const blaxelApiKey = z.object({
  id: z.string(),
  name: z.string(),
  /** The key itself, shown once, at its creation. */
  apiKey: z.string().optional(),
  sub: z.string(),
  sub_type: z.literal('service_account'),
  createdAt: z.string(),
  expiresAt: z.string().optional(),
});

const accountName = z.string().trim().min(1).max(100);
const description = z.string().max(1000);
const accountParams = z.object({ clientId: z.string() });

export const listServiceAccounts = defineRoute({
  id: 'listServiceAccounts',
  method: 'GET',
  paths: ['/v0/service_accounts'],
  summary: 'The programs that sign in to the workspace',
  tag,
  access: 'admin',
  response: z.array(blaxelServiceAccount),
  status: 200,
  errors: [],
});

export const createServiceAccount = defineRoute({
  id: 'createServiceAccount',
  method: 'POST',
  paths: ['/v0/service_accounts'],
  summary: 'Make a service account; its secret is shown once',
  tag,
  access: 'admin',
  body: z.object({ name: accountName, description: description.optional(), role: z.enum(roles).optional() }),
  response: blaxelServiceAccount.extend({ client_secret: z.string() }),
  status: 200,
  errors: ['invalid_request', 'conflict', 'limit_exceeded'],
});

export const updateServiceAccount = defineRoute({
  id: 'updateServiceAccount',
  method: 'PUT',
  paths: ['/v0/service_accounts/{clientId}'],
  summary: 'Name or describe a service account',
  tag,
  access: 'admin',
  params: accountParams,
  body: z.object({ name: accountName.optional(), description: description.optional() }),
  response: blaxelServiceAccount,
  status: 200,
  errors: ['invalid_request', 'not_found', 'conflict'],
});

export const deleteServiceAccount = defineRoute({
  id: 'deleteServiceAccount',
  method: 'DELETE',
  paths: ['/v0/service_accounts/{clientId}'],
  summary: 'End a service account with its keys and tokens at once',
  tag,
  access: 'admin',
  params: accountParams,
  response: blaxelServiceAccount,
  status: 200,
  errors: ['not_found'],
});

export const listServiceAccountKeys = defineRoute({
  id: 'listServiceAccountKeys',
  method: 'GET',
  paths: ['/v0/service_accounts/{clientId}/api_keys'],
  summary: 'The API keys of a service account',
  tag,
  access: 'admin',
  params: accountParams,
  response: z.array(blaxelApiKey),
  status: 200,
  errors: ['not_found'],
});

export const createServiceAccountKey = defineRoute({
  id: 'createServiceAccountKey',
  method: 'POST',
  paths: ['/v0/service_accounts/{clientId}/api_keys'],
  summary: 'Make an API key for a service account; it is shown once',
  tag,
  access: 'admin',
  params: accountParams,
  /** `expires_in`: `24h`, `30d`; without it the key lasts until it is deleted. */
  body: z.object({ name: accountName.default('key'), expires_in: timeSpan.optional() }),
  response: blaxelApiKey,
  status: 200,
  errors: ['invalid_request', 'not_found'],
});

export const deleteServiceAccountKey = defineRoute({
  id: 'deleteServiceAccountKey',
  method: 'DELETE',
  paths: ['/v0/service_accounts/{clientId}/api_keys/{keyId}'],
  summary: 'End an API key of a service account at once',
  tag,
  access: 'admin',
  params: accountParams.extend({ keyId: z.string() }),
  status: 204,
  errors: ['not_found', 'conflict'],
});
