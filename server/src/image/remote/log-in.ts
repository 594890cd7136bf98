import type { NewRegistryLogin, RegistryLogin, RegistryLogins } from './registry-logins.ts';
import { toCredentials } from './registry-credentials.ts';
import { createRegistrySession } from './registry-session.ts';
import type { RemoteHttp } from './remote-http.ts';

interface Options {
  http: RemoteHttp;
  mayBePlain: (host: string) => boolean;
  logins: RegistryLogins | undefined;
}

/** Keeps a login of a workspace at a registry, once the registry has taken it. */
export function createLogIn({ http, mayBePlain, logins }: Options) {
  return async (
    workspaceId: string,
    given: NewRegistryLogin,
    signal: AbortSignal,
  ): Promise<RegistryLogin> => {
    if (logins === undefined) throw new Error('this store keeps no logins');
    const [registry = ''] = given.registry.split('/', 1);
    const credentials = toCredentials(given);
    const session = createRegistrySession({
      http,
      registry,
      shown: registry,
      ...(credentials && { credentials }),
      mayBePlain,
      signal,
    });
    const answer = await session.get('');
    await answer.discard();
    return logins.put(workspaceId, given);
  };
}
