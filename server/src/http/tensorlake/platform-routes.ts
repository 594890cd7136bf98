import * as routes from '@atoll/protocol';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

/** Introspection and the device login of the Tensorlake dialect (wire 1.7). */
export function platformRoutes({ tenancy }: { tenancy: Tenancy }): Binding[] {
  return [
    bind(routes.introspectKey, (_input, { caller }) => ({
      id: caller.keyId,
      organizationId: caller.account.id,
      projectId: caller.workspace.id,
    })),
    bind(routes.startLogin, (_input, { address }) => {
      const { deviceCode, userCode, expiresInSecs } = tenancy.logins.start(address);
      return { device_code: deviceCode, user_code: userCode, expires_in: expiresInSecs };
    }),
    bind(routes.pollLogin, ({ query }) => ({ status: tenancy.logins.poll(query.device_code) })),
    bind(routes.exchangeLogin, ({ body }, context) => {
      const login = tenancy.logins.exchange(body.device_code);
      context.actor({
        workspace: { id: login.workspaceId },
        member: { id: login.memberId },
        keyId: login.keyId,
      });
      return { access_token: login.token, organization_id: login.accountId, project_id: login.workspaceId };
    }),
  ];
}
