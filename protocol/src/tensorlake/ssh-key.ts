/** SSH keys of a user (wire 1.7). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'SSH keys';
const path = '/platform/v1/users/me/ssh-keys';

export const sshKeyInfo = z.object({
  id: z.string(),
  name: z.string(),
  keyType: z.string(),
  fingerprint: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().optional(),
});
export type SshKeyInfo = z.output<typeof sshKeyInfo>;

export const listSshKeys = defineRoute({
  id: 'listSshKeys',
  method: 'GET',
  paths: [path],
  summary: "The caller's SSH keys; those that were registered with it, for an api key",
  tag,
  access: 'viewer',
  response: z.object({ items: z.array(sshKeyInfo) }),
  status: 200,
  errors: [],
});

export const addSshKey = defineRoute({
  id: 'addSshKey',
  method: 'POST',
  paths: [path],
  summary: 'Register a public key; with an api key it reaches what that key reaches, and ends with it',
  tag,
  access: 'viewer',
  body: z.object({ name: z.string().min(1).max(200), publicKey: z.string().max(16_384) }),
  response: sshKeyInfo,
  status: 200,
  errors: ['invalid_request', 'limit_exceeded', 'conflict'],
});

export const removeSshKey = defineRoute({
  id: 'removeSshKey',
  method: 'DELETE',
  paths: [`${path}/{id}`],
  summary: 'Remove an SSH key; connections that it opened end at once',
  tag,
  access: 'viewer',
  params: z.object({ id: z.string() }),
  status: 204,
  errors: ['not_found'],
});
