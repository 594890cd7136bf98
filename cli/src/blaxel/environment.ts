import type { GlobalFlags } from '../global-option.ts';

/** Under the name `bl` the variables of the Blaxel clients count, after flags and before everything else. */
export function withBlaxelEnvironment(flags: GlobalFlags, env: NodeJS.ProcessEnv): GlobalFlags {
  const { BL_API_URL: url, BL_API_KEY: key, BL_WORKSPACE: workspace } = env;
  const isElsewhere = flags.apiUrl !== undefined || flags.profile !== undefined;
  return {
    ...(url && !isElsewhere && { apiUrl: url.replace(/\/v0\/*$/, '') }),
    // A key belongs to the server that stands beside it, so it does not go to one that a flag names.
    ...(key && !isElsewhere && { apiKey: key }),
    ...(workspace && !isElsewhere && { namespace: workspace }),
    ...flags,
  };
}
