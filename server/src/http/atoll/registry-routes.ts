import * as routes from '@atoll/protocol';
import type { ImageStore } from '../../image/image-store.ts';
import type { RegistryLogins } from '../../image/remote/registry-logins.ts';
import { parseRegistryScope } from '../../image/remote/remote-reference.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

export interface RegistryRouteOptions {
  logins: RegistryLogins;
  logIn: ImageStore['logIn'];
}

/** What a workspace is known by at other registries. */
export function registryRoutes({ logins, logIn }: RegistryRouteOptions): Binding[] {
  return [
    bind(routes.putRegistryLogin, ({ body }, context) => {
      // Not as it was given: a URL may hold a password.
      const registry = parseRegistryScope(body.registry);
      context.target(registry);
      return logIn(context.caller.workspace.id, { ...body, registry }, context.signal);
    }),
    bind(routes.listRegistryLogins, (_input, { caller }) => ({
      registries: logins.list(caller.workspace.id),
    })),
    bind(routes.deleteRegistryLogin, ({ params }, context) => {
      context.target(params.registry);
      logins.remove(context.caller.workspace.id, params.registry);
    }),
  ];
}
