/** What a workspace is known by at other registries: the server's own API. Passwords go in and never come out. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Images';

export const registryLogin = z.object({
  /** A registry, or a part of one: `ghcr.io`, `ghcr.io/org`. */
  registry: z.string(),
  username: z.string(),
  /** Epoch milliseconds. */
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type RegistryLogin = z.output<typeof registryLogin>;

const MAX_PASSWORD_LENGTH = 16_384;

/** Basic authentication ends the name at the first colon. */
const username = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^:\p{Cc}]+$/u, 'a user name has neither colons nor control characters');

export const putRegistryLogin = defineRoute({
  id: 'putRegistryLogin',
  method: 'PUT',
  paths: ['/v1/registries'],
  summary:
    'Log the workspace in at another registry, which has to take the name and password: pulls use them',
  tag,
  access: 'member',
  body: z.object({
    registry: z.string().min(1).max(512),
    username,
    /** A password or an access token; with the name `<token>`, an identity token. */
    password: z.string().min(1).max(MAX_PASSWORD_LENGTH),
  }),
  response: registryLogin,
  status: 200,
  errors: ['invalid_request', 'quota_exceeded', 'registry_denied', 'registry_failed', 'upstream_timeout'],
});

export const listRegistryLogins = defineRoute({
  id: 'listRegistryLogins',
  method: 'GET',
  paths: ['/v1/registries'],
  summary: 'List the registries where the workspace is logged in, without the passwords',
  tag,
  access: 'viewer',
  response: z.object({ registries: z.array(registryLogin) }),
  status: 200,
  errors: [],
});

export const deleteRegistryLogin = defineRoute({
  id: 'deleteRegistryLogin',
  method: 'DELETE',
  paths: ['/v1/registries/{registry}'],
  summary: 'Forget the login at a registry, named as it is listed; images that were pulled stay',
  tag,
  access: 'member',
  params: z.object({ registry: z.string() }),
  status: 204,
  errors: ['not_found'],
});
