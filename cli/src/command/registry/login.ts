import { command } from '../../command.ts';
import { readPassword } from '../../password.ts';
import { required, text, value } from '../../parameter.ts';
import { UsageError } from '../../failure.ts';

export const login = command({
  name: 'login',
  summary: 'log the workspace in at another registry: its imports and builds pull with it',
  examples: [
    'registry login ghcr.io --username me',
    'registry login ghcr.io/org --username ci < token.txt',
    'registry login docker.io -u me < token.txt',
  ],
  args: { registry: required('registry', 'docker.io, ghcr.io, or a part of one: ghcr.io/org') },
  options: { username: value('-u, --username <name>', 'name of the account', text) },
  failure: 'log in at the registry',
  run: async ({ args: { registry }, options: { username }, context }) => {
    if (username === undefined)
      throw new UsageError('a login needs --username; the password is read from standard input');
    const password = await readPassword(context, `Password or token of ${username} at ${registry}:`);
    const { registryLogins } = context.admin;
    const known = await registryLogins.set({ registry, username, password }, { signal: context.signal });
    await context.output.result(known, () => `Logged in at ${known.registry} as ${known.username}`);
  },
});
