import { tokenOf } from '@atoll/sdk/blaxel';
import type { GlobalFlags } from '../global-option.ts';
import { readHostedLogin } from './hosted-config.ts';

/**
 * Under the name `bl` the variables of the Blaxel clients count, after flags and before everything else. A key belongs to
 * the server that stands beside it, so it does not go to one that a flag names; a login of the published program only to
 * the one that `BL_API_URL` names.
 */
export async function withBlaxelEnvironment(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
): Promise<GlobalFlags> {
  if (flags.apiUrl !== undefined || flags.profile !== undefined) return flags;
  const { BL_API_URL: url, BL_API_KEY: key, BL_WORKSPACE: named } = env;
  const apiUrl = url?.replace(/\/v0\/*$/, '');
  const found = apiUrl ? await readCredential(apiUrl, flags, env) : { workspace: named, apiKey: key };
  const { workspace, apiKey } = found;
  return {
    ...(apiUrl && { apiUrl }),
    ...(apiKey && { apiKey }),
    ...(workspace && { namespace: workspace }),
    ...flags,
  };
}

interface Credential {
  workspace?: string | undefined;
  apiKey?: string | undefined;
}

async function readCredential(
  apiUrl: string,
  { apiKey: flag, namespace }: GlobalFlags,
  env: NodeJS.ProcessEnv,
): Promise<Credential> {
  const { BL_API_KEY: key, BL_CLIENT_CREDENTIALS: pair, BL_WORKSPACE: named } = env;
  const given = flag || key;
  if (given) return { workspace: named, apiKey: given };
  if (pair) return { workspace: named, apiKey: await tokenOf(apiUrl, pair) };
  const login = await readHostedLogin(env, namespace || named || undefined);
  const apiKey =
    login?.clientCredentials && !login.apiKey
      ? await tokenOf(apiUrl, login.clientCredentials)
      : login?.apiKey;
  return { workspace: named || login?.workspace, apiKey };
}
