import { command } from '../../command.ts';
import { required } from '../../parameter.ts';

export const logout = command({
  name: 'logout',
  aliases: ['rm'],
  summary: 'forget the login at a registry; images that were pulled stay',
  args: { registry: required('registry', 'as `registry ls` shows it') },
  options: {},
  failure: 'log out of the registry',
  run: async ({ args: { registry }, context }) => {
    await context.admin.registryLogins.delete(registry, { signal: context.signal });
    await context.output.result({ removed: registry }, () => `Logged out of ${registry}`);
  },
});
