import { command } from '../../command.ts';
import { formatTime } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list your keys; all of the workspace for an admin',
  args: {},
  options: {},
  failure: 'list keys',
  run: async ({ context }) => {
    const keys = await context.admin.listKeys({ signal: context.signal });
    const rows = keys.map((key) => [
      key.id,
      key.name,
      key.kind,
      key.prefix,
      key.role ?? '-',
      key.workspace ?? '-',
      formatTime(key.lastUsedAt),
    ]);
    await context.output.result(keys, () => context.output.table(header, rows));
  },
});

const header = ['ID', 'Name', 'Kind', 'Starts With', 'Role', 'Workspace', 'Last Used'];
