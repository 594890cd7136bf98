import { command } from '../../command.ts';
import { formatTime } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the workspaces that you may use',
  args: {},
  options: {},
  failure: 'list workspaces',
  run: async ({ context }) => {
    const workspaces = await context.admin.listWorkspaces({ signal: context.signal });
    const rows = workspaces.map(({ name, id, accountId, createdAt }) => [
      name,
      id,
      accountId,
      formatTime(createdAt),
    ]);
    const header = ['Name', 'ID', 'Account', 'Created At'];
    await context.output.result(workspaces, () => context.output.table(header, rows));
  },
});
