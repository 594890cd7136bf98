/** Accounts, workspaces, members, keys, device logins and the audit record: the server's own API. */
import { z } from 'zod';
import { defineRoute, roles } from '../route.ts';

const tag = 'Tenancy';
const role = z.enum(roles);
const displayName = z.string().trim().min(1).max(100);
/** Workspace names stand in paths and in image names. */
export const workspaceName = z
  .string()
  .regex(
    /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'use a–z, 0–9 and "-", start with a letter, at most 63 characters',
  );

export const account = z.object({ id: z.string(), name: z.string(), createdAt: z.number() });
export const workspace = z.object({
  id: z.string(),
  accountId: z.string(),
  name: z.string(),
  createdAt: z.number(),
});
export const member = z.object({
  id: z.string(),
  name: z.string(),
  /** Owners of the account are admins of all its workspaces. */
  owner: z.boolean(),
  role,
  createdAt: z.number(),
});
/** `api` keys act in one workspace; `personal` tokens wherever their member has a role. */
export const key = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(['api', 'personal']),
  /** The first characters, to recognise it by; the key itself is shown once, at its creation. */
  prefix: z.string(),
  role: role.optional(),
  workspace: z.string().optional(),
  memberId: z.string(),
  createdAt: z.number(),
  lastUsedAt: z.number().optional(),
  /** When it ends by itself. */
  expiresAt: z.number().optional(),
});
export const auditEntry = z.object({
  id: z.number(),
  at: z.number(),
  action: z.string(),
  target: z.string().optional(),
  result: z.string(),
  workspace: z.string().optional(),
  memberId: z.string().optional(),
  memberName: z.string().optional(),
  keyId: z.string().optional(),
  address: z.string().optional(),
});
export type Account = z.output<typeof account>;
export type Workspace = z.output<typeof workspace>;
export type Member = z.output<typeof member>;
export type Key = z.output<typeof key>;
export type AuditEntry = z.output<typeof auditEntry>;

export const whoami = defineRoute({
  id: 'whoami',
  method: 'GET',
  paths: ['/v1/whoami'],
  summary: 'Whose key this is and what it may do',
  tag,
  access: 'viewer',
  response: z.object({
    keyId: z.string(),
    keyName: z.string(),
    kind: z.enum(['api', 'personal']),
    role,
    /** Whether the caller may ask and change what is the whole server's. */
    isOperator: z.boolean(),
    member: z.object({ id: z.string(), name: z.string() }),
    account: z.object({ id: z.string(), name: z.string() }),
    workspace: z.object({ id: z.string(), name: z.string() }),
    server: z.object({ version: z.string(), runtime: z.string() }),
  }),
  status: 200,
  errors: [],
});

export const listAccounts = defineRoute({
  id: 'listAccounts',
  method: 'GET',
  paths: ['/v1/accounts'],
  summary: 'The accounts that the caller may see: its own; all of them for the operator of the server',
  tag,
  access: 'viewer',
  response: z.object({ accounts: z.array(account) }),
  status: 200,
  errors: [],
});

export const createAccount = defineRoute({
  id: 'createAccount',
  method: 'POST',
  paths: ['/v1/accounts'],
  summary: 'Make an account with a first workspace and an owner, whose key is shown once (operator only)',
  tag,
  access: 'admin',
  body: z.object({ name: displayName, workspace: workspaceName, ownerName: displayName }),
  response: z.object({ account, workspace, memberId: z.string(), apiKey: z.string() }),
  status: 201,
  errors: ['conflict', 'invalid_request'],
});

export const listWorkspaces = defineRoute({
  id: 'listWorkspaces',
  method: 'GET',
  paths: ['/v1/workspaces'],
  summary: 'The workspaces that the caller may use',
  tag,
  access: 'viewer',
  response: z.object({ workspaces: z.array(workspace) }),
  status: 200,
  errors: [],
});

export const createWorkspace = defineRoute({
  id: 'createWorkspace',
  method: 'POST',
  paths: ['/v1/workspaces'],
  summary: "Make a workspace in the caller's account (owners only)",
  tag,
  access: 'admin',
  body: z.object({ name: workspaceName }),
  response: workspace,
  status: 201,
  errors: ['conflict', 'invalid_request'],
});

const memberParams = z.object({ workspace: z.string() });

export const listMembers = defineRoute({
  id: 'listMembers',
  method: 'GET',
  paths: ['/v1/workspaces/{workspace}/members'],
  summary: 'Who may use a workspace, and as what',
  tag,
  access: 'viewer',
  params: memberParams,
  response: z.object({ members: z.array(member) }),
  status: 200,
  errors: ['not_found'],
});

export const putMember = defineRoute({
  id: 'putMember',
  method: 'POST',
  paths: ['/v1/workspaces/{workspace}/members'],
  summary: 'Add a member to a workspace (by id, or a new one by name), or change the role of one',
  tag,
  access: 'admin',
  params: memberParams,
  body: z.union([z.object({ memberId: z.string(), role }), z.object({ name: displayName, role })]),
  response: member,
  status: 200,
  errors: ['not_found', 'invalid_request', 'conflict'],
});

export const removeMember = defineRoute({
  id: 'removeMember',
  method: 'DELETE',
  paths: ['/v1/workspaces/{workspace}/members/{memberId}'],
  summary: 'Take a member out of a workspace; its keys for that workspace end at once',
  tag,
  access: 'admin',
  params: memberParams.extend({ memberId: z.string() }),
  status: 204,
  errors: ['not_found', 'conflict'],
});

export const listKeys = defineRoute({
  id: 'listKeys',
  method: 'GET',
  paths: ['/v1/keys'],
  summary: "The caller's own keys; for an admin all keys of the workspace",
  tag,
  access: 'viewer',
  response: z.object({ keys: z.array(key) }),
  status: 200,
  errors: [],
});

export const createKey = defineRoute({
  id: 'createKey',
  method: 'POST',
  paths: ['/v1/keys'],
  summary: 'Make an API key for the workspace, or a personal access token; its value is shown once',
  tag,
  access: 'viewer',
  body: z.object({
    name: displayName,
    kind: z.enum(['api', 'personal']).default('api'),
    /** At most the role of the caller; for `api` keys only. */
    role: role.optional(),
    /** Whose key it is; only admins make keys for others. */
    memberId: z.string().optional(),
    /** When it ends by itself; without it, when it is revoked. */
    expiresInSecs: z
      .number()
      .int()
      .min(1)
      .max(31_536_000 * 10)
      .optional(),
  }),
  response: z.object({ key, value: z.string() }),
  status: 201,
  errors: ['invalid_request', 'not_found'],
});

export const revokeKey = defineRoute({
  id: 'revokeKey',
  method: 'DELETE',
  paths: ['/v1/keys/{id}'],
  summary: 'End a key at once',
  tag,
  access: 'viewer',
  params: z.object({ id: z.string() }),
  status: 204,
  errors: ['not_found', 'conflict'],
});

export const approveLogin = defineRoute({
  id: 'approveLogin',
  method: 'POST',
  paths: ['/v1/logins/{userCode}/approve'],
  summary: "Approve a device login: the device gets a personal access token of the caller's member",
  tag,
  access: 'viewer',
  params: z.object({ userCode: z.string() }),
  status: 204,
  errors: ['not_found', 'conflict'],
});

export const listAudit = defineRoute({
  id: 'listAudit',
  method: 'GET',
  paths: ['/v1/audit'],
  summary:
    'What was changed in the workspace, by whom, from where, with what result; newest first. With `text`, a page may hold fewer entries than asked for, or none, and go on all the same',
  tag,
  access: 'admin',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(1000).default(100),
    cursor: z.coerce.number().int().optional(),
    /** Only entries with it in their action, target, result, address or the name of the member. */
    text: z.string().max(200).optional(),
  }),
  response: z.object({ entries: z.array(auditEntry), nextCursor: z.number().optional() }),
  status: 200,
  errors: ['invalid_request'],
});
