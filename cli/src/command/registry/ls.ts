import { command } from '../../command.ts';
import { formatTime } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the registries where the workspace is logged in',
  args: {},
  options: {},
  failure: 'list logins at registries',
  run: async ({ context }) => {
    const { output, admin, signal } = context;
    const logins = await admin.registryLogins.list({ signal });
    await output.result(logins, () => {
      if (logins.length === 0)
        return 'no logins; make one with `atoll registry login REGISTRY --username NAME`';
      const rows = logins.map(({ registry, username, updatedAt }) => [
        registry,
        username,
        formatTime(new Date(updatedAt)),
      ]);
      return output.table(['Registry', 'User', 'Updated At'], rows);
    });
  },
});
