/** Secrets of a workspace in the Tensorlake dialect (wire 1.7). Values go in and never come out. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Secrets';

/** With organization and project in the path, or by the key alone: clients of different age use one or the other. */
const scoped = (path: string) =>
  [`/platform/v1/organizations/{organization}/projects/{project}${path}`, `/platform/v1${path}`] as const;

const scopeParams = z.object({ organization: z.string().optional(), project: z.string().optional() });

export const secretInfo = z.object({ id: z.string(), name: z.string(), createdAt: z.iso.datetime() });
export type SecretInfo = z.output<typeof secretInfo>;

/** What a secret may be called and hold is checked by the domain, which never shows a value. */
const newSecret = z.object({ name: z.string(), value: z.string() });

export const putSecrets = defineRoute({
  id: 'putSecrets',
  method: 'PUT',
  paths: scoped('/secrets'),
  summary: 'Set one secret, or several at once: all or none. Sandboxes see new values from their next start',
  tag,
  access: 'member',
  params: scopeParams,
  body: z.union([newSecret, z.array(newSecret).min(1).max(100)]),
  response: z.union([secretInfo, z.array(secretInfo)]),
  status: 200,
  errors: ['invalid_request', 'invalid_name', 'limit_exceeded', 'quota_exceeded'],
});

export const listSecrets = defineRoute({
  id: 'listSecrets',
  method: 'GET',
  paths: scoped('/secrets'),
  summary:
    'List the secrets of a workspace by name, without their values; everything unless a page size is given',
  tag,
  access: 'viewer',
  params: scopeParams,
  query: z.object({
    pageSize: z.coerce.number().int().min(1).max(1000).optional(),
    next: z.string().optional(),
  }),
  response: z.object({
    items: z.array(secretInfo),
    pagination: z.object({ next: z.string().nullable(), prev: z.null(), total: z.number() }),
  }),
  status: 200,
  errors: ['invalid_request'],
});

export const deleteSecret = defineRoute({
  id: 'deleteSecret',
  method: 'DELETE',
  paths: scoped('/secrets/{id}'),
  summary: 'Remove a secret; processes that run keep what they were started with',
  tag,
  access: 'member',
  params: scopeParams.extend({ id: z.string() }),
  status: 204,
  errors: ['secret_not_found'],
});

export const rotateSecretKey = defineRoute({
  id: 'rotateSecretKey',
  method: 'POST',
  paths: ['/v1/secret-key/rotate'],
  summary: 'Encrypt all secrets of the server with a new key and forget the old one (operator only)',
  tag,
  access: 'admin',
  response: z.object({ keyId: z.string(), resealed: z.number() }),
  status: 200,
  errors: [],
});
