import { configPath, readConfig, writeConfig } from '@atoll/sdk/config';
import type { Config, Profile } from '@atoll/sdk/config';
import type { Context } from './context.ts';

/** The profile that a command reads and writes: named by a flag, by `ATOLL_PROFILE`, or the one in use. */
export const profileName = ({ flags, env }: Context, config: Config): string =>
  flags.profile ?? (env['ATOLL_PROFILE'] || config.profile);

/** Changes the profile and saves it; the first one is in use from then on. Returns its name. */
export async function updateProfile(
  context: Context,
  change: (before: Profile | undefined) => Profile,
): Promise<string> {
  const path = configPath(context.env);
  const config = await readConfig(path);
  const name = profileName(context, config);
  const isFirst = Object.keys(config.profiles).length === 0;
  config.profiles[name] = change(config.profiles[name]);
  await writeConfig(isFirst ? { ...config, profile: name } : config, path);
  return name;
}
