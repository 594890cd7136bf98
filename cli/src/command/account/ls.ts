import { command } from '../../command.ts';
import { formatTime } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the accounts that you may see',
  args: {},
  options: {},
  failure: 'list accounts',
  run: async ({ context }) => {
    const accounts = await context.admin.listAccounts({ signal: context.signal });
    const rows = accounts.map(({ id, name, createdAt }) => [id, name, formatTime(createdAt)]);
    await context.output.result(accounts, () => context.output.table(['ID', 'Name', 'Created At'], rows));
  },
});
