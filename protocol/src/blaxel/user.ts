/** Who may use a workspace, in the Blaxel dialect (blaxel wire, appendix B). People have names here, and no mail. */
import { z } from 'zod';
import { defineRoute, roles } from '../route.ts';

const tag = 'Blaxel workspaces';
const role = z.enum(roles);

export const blaxelUser = z.object({
  /** The id of the member. */
  sub: z.string(),
  /** The name of the member, which may be a mail address. */
  email: z.string(),
  given_name: z.string(),
  family_name: z.string(),
  role,
  accepted: z.boolean(),
});
export type BlaxelUser = z.output<typeof blaxelUser>;

const params = z.object({ subOrEmail: z.string() });

export const listBlaxelUsers = defineRoute({
  id: 'listBlaxelUsers',
  method: 'GET',
  paths: ['/v0/users'],
  summary: 'Who may use the workspace, and as what',
  tag,
  access: 'viewer',
  response: z.array(blaxelUser),
  status: 200,
  errors: [],
});

export const inviteBlaxelUser = defineRoute({
  id: 'inviteBlaxelUser',
  method: 'POST',
  paths: ['/v0/users'],
  summary: 'Add a member to the workspace under a new name; no mail is sent',
  tag,
  access: 'admin',
  body: z.looseObject({ email: z.string().trim().min(1).max(100), role: role.default('member') }),
  response: blaxelUser,
  status: 200,
  errors: ['invalid_request', 'conflict'],
});

export const updateBlaxelUser = defineRoute({
  id: 'updateBlaxelUser',
  method: 'PUT',
  paths: ['/v0/users/{subOrEmail}'],
  summary: 'Change the role of a member',
  tag,
  access: 'admin',
  params,
  body: z.looseObject({ role }),
  response: blaxelUser,
  status: 200,
  errors: ['invalid_request', 'not_found', 'conflict'],
});

export const removeBlaxelUser = defineRoute({
  id: 'removeBlaxelUser',
  method: 'DELETE',
  paths: ['/v0/users/{subOrEmail}'],
  summary: 'Take a member out of the workspace; its keys for it end at once',
  tag,
  access: 'admin',
  params,
  response: blaxelUser,
  status: 200,
  errors: ['not_found', 'conflict'],
});
