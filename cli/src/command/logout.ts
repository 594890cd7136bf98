import { configPath, readConfig, writeConfig } from '@atoll/sdk/config';
import { command } from '../command.ts';
import { CliError } from '../failure.ts';
import { profileName } from '../profile.ts';

export const logout = command({
  name: 'logout',
  summary: 'forget the key of a profile; it stays valid until `key revoke`',
  args: {},
  options: {},
  failure: 'log out',
  run: async ({ context }) => {
    const path = configPath(context.env);
    const config = await readConfig(path);
    const name = profileName(context, config);
    const profile = config.profiles[name];
    if (profile === undefined) throw new CliError(`no profile "${name}"`, `Profiles are in ${path}.`);
    delete config.profiles[name];
    await writeConfig(config, path);
    await context.output.result({ profile: name, apiUrl: profile.url }, () => `Logged out of ${profile.url}`);
  },
});
