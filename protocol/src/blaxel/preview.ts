/** Previews of ports of sandboxes in the Blaxel dialect (blaxel wire 1.8). Their lists are arrays in every version. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { timeSpan } from './sandbox.ts';

const tag = 'Blaxel previews';

const name = z.string().regex(/^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,98}[a-zA-Z0-9])?$/, {
  error: 'must have 1 to 100 letters, digits, ".", "_" and "-" between others',
});
const headers = z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/), z.string().max(4096));
const workspaceQuery = { workspace: z.string().optional() };

export const blaxelPreviewBody = z.object({
  metadata: z.looseObject({ name }),
  spec: z.looseObject({
    port: z.number().int().min(1).max(65_535),
    public: z.boolean().nullish(),
    prefixUrl: z.string().max(63).nullish(),
    customDomain: z.string().max(253).nullish(),
    ttl: timeSpan.nullish(),
    expires: z.iso.datetime({ offset: true }).nullish(),
    requestHeaders: headers.nullish(),
    responseHeaders: headers.nullish(),
  }),
});
export type BlaxelPreviewBody = z.output<typeof blaxelPreviewBody>;

const owned = {
  resourceName: z.string(),
  resourceType: z.string(),
  workspace: z.string(),
};

export const blaxelPreview = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string(),
    ...owned,
    createdAt: z.string(),
    updatedAt: z.string(),
    createdBy: z.string(),
  }),
  spec: z.object({
    port: z.number(),
    public: z.boolean(),
    url: z.string(),
    prefixUrl: z.string().optional(),
    expires: z.string().optional(),
    requestHeaders: z.record(z.string(), z.string()),
    responseHeaders: z.record(z.string(), z.string()),
  }),
  status: z.enum(['DEPLOYED', 'DELETING']),
});
export type BlaxelPreview = z.output<typeof blaxelPreview>;

export const blaxelPreviewToken = z.object({
  metadata: z.object({ name: z.string(), previewName: z.string(), ...owned }),
  spec: z.object({ token: z.string(), expiresAt: z.string().optional(), expired: z.boolean() }),
});
export type BlaxelPreviewToken = z.output<typeof blaxelPreviewToken>;

const sandboxParams = z.object({ name: z.string() });
const previewParams = sandboxParams.extend({ preview: z.string() });
const ofSandbox = '/v0/sandboxes/{name}/previews';
const onePreview = '/v0/sandboxes/{name}/previews/{preview}';

export const listBlaxelPreviews = defineRoute({
  id: 'listBlaxelPreviews',
  method: 'GET',
  paths: [ofSandbox],
  summary: 'The previews of a sandbox',
  tag,
  access: 'viewer',
  params: sandboxParams,
  query: z.object(workspaceQuery),
  response: z.array(blaxelPreview),
  status: 200,
  errors: ['sandbox_not_found'],
});

export const createBlaxelPreview = defineRoute({
  id: 'createBlaxelPreview',
  method: 'POST',
  paths: [ofSandbox],
  summary: 'Give a port of a sandbox a URL of its own; with `force=true` in the place of one of that name',
  tag,
  access: 'member',
  params: sandboxParams,
  query: z.object({ force: z.enum(['true', 'false']).optional(), ...workspaceQuery }),
  body: blaxelPreviewBody,
  response: blaxelPreview,
  status: 200,
  errors: ['invalid_request', 'unsupported', 'sandbox_not_found', 'conflict', 'limit_exceeded'],
});

export const getBlaxelPreview = defineRoute({
  id: 'getBlaxelPreview',
  method: 'GET',
  paths: [onePreview],
  summary: 'A preview',
  tag,
  access: 'viewer',
  params: previewParams,
  query: z.object(workspaceQuery),
  response: blaxelPreview,
  status: 200,
  errors: ['sandbox_not_found', 'not_found'],
});

export const replaceBlaxelPreview = defineRoute({
  id: 'replaceBlaxelPreview',
  method: 'PUT',
  paths: [onePreview],
  summary: 'Change a preview; its URL and its tokens stay',
  tag,
  access: 'member',
  params: previewParams,
  query: z.object(workspaceQuery),
  body: blaxelPreviewBody,
  response: blaxelPreview,
  status: 200,
  errors: ['invalid_request', 'unsupported', 'sandbox_not_found', 'not_found'],
});

export const deleteBlaxelPreview = defineRoute({
  id: 'deleteBlaxelPreview',
  method: 'DELETE',
  paths: [onePreview],
  summary: 'End a preview and its tokens',
  tag,
  access: 'member',
  params: previewParams,
  query: z.object(workspaceQuery),
  response: blaxelPreview,
  status: 200,
  errors: ['sandbox_not_found', 'not_found'],
});

export const listBlaxelPreviewTokens = defineRoute({
  id: 'listBlaxelPreviewTokens',
  method: 'GET',
  paths: [`${onePreview}/tokens`],
  summary: 'The tokens of a private preview',
  tag,
  access: 'member',
  params: previewParams,
  query: z.object(workspaceQuery),
  response: z.array(blaxelPreviewToken),
  status: 200,
  errors: ['sandbox_not_found', 'not_found'],
});

export const createBlaxelPreviewToken = defineRoute({
  id: 'createBlaxelPreviewToken',
  method: 'POST',
  paths: [`${onePreview}/tokens`],
  summary: 'Make a token for who may use a private preview',
  tag,
  access: 'member',
  params: previewParams,
  query: z.object(workspaceQuery),
  body: z.object({
    metadata: z.looseObject({ name: name.nullish() }).nullish(),
    spec: z.looseObject({ expiresAt: z.iso.datetime({ offset: true }).nullish() }).nullish(),
  }),
  response: blaxelPreviewToken,
  status: 200,
  errors: ['invalid_request', 'sandbox_not_found', 'not_found', 'conflict', 'limit_exceeded'],
});

export const deleteBlaxelPreviewToken = defineRoute({
  id: 'deleteBlaxelPreviewToken',
  method: 'DELETE',
  paths: [`${onePreview}/tokens/{token}`],
  summary: 'End a token, by its name or by itself',
  tag,
  access: 'member',
  params: previewParams.extend({ token: z.string() }),
  query: z.object(workspaceQuery),
  response: z.object({ message: z.string() }),
  status: 200,
  errors: ['sandbox_not_found', 'not_found'],
});
