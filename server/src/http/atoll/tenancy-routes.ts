import * as routes from '@atoll/protocol';
import { isOperator, requireOperator } from '../../tenancy/caller.ts';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

export interface TenancyRouteOptions {
  tenancy: Tenancy;
  version: string;
  runtime: string;
}

/** Accounts, workspaces, members, keys, logins and the audit record. */
export function tenancyRoutes({ tenancy, version, runtime }: TenancyRouteOptions): Binding[] {
  const { accounts, members, keys, logins, audit } = tenancy;
  return [
    bind(routes.whoami, (_input, { caller }) => ({
      keyId: caller.keyId,
      keyName: caller.keyName,
      kind: caller.kind,
      role: caller.role,
      isOperator: isOperator(caller),
      member: { id: caller.member.id, name: caller.member.name },
      account: { id: caller.account.id, name: caller.account.name },
      workspace: caller.workspace,
      server: { version, runtime },
    })),
    bind(routes.listAccounts, (_input, { caller }) => ({ accounts: accounts.list(caller) })),
    bind(routes.createAccount, ({ body }, context) => {
      requireOperator(context.caller);
      const made = tenancy.addAccount(body);
      context.target(made.account.id);
      return made;
    }),
    bind(routes.listWorkspaces, (_input, { caller }) => ({ workspaces: accounts.listWorkspaces(caller) })),
    bind(routes.createWorkspace, ({ body }, context) => {
      const workspace = accounts.createWorkspace(context.caller, body.name);
      context.target(workspace.id);
      return workspace;
    }),
    bind(routes.listMembers, (_input, { caller }) => ({ members: members.list(caller) })),
    bind(routes.putMember, ({ body }, context) => {
      const member = members.put(context.caller, body);
      context.target(member.id);
      return member;
    }),
    bind(routes.removeMember, ({ params }, { caller }) => members.remove(caller, params.memberId)),
    bind(routes.listKeys, (_input, { caller }) => ({ keys: keys.list(caller) })),
    bind(routes.createKey, ({ body }, context) => {
      const { expiresInSecs, ...wanted } = body;
      const expiresAt = expiresInSecs === undefined ? undefined : Date.now() + expiresInSecs * 1000;
      const made = keys.create(context.caller, { ...wanted, expiresAt });
      context.target(made.key.id);
      return made;
    }),
    bind(routes.revokeKey, ({ params }, { caller }) => keys.revoke(caller, params.id)),
    bind(routes.approveLogin, ({ params }, { caller }) => logins.approve(caller, params.userCode)),
    bind(routes.listAudit, ({ query }, { caller }) => {
      const { limit, cursor, text } = query;
      return audit.list(caller, { limit, before: cursor, text });
    }),
  ];
}
