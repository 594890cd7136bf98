import { command } from '../../command.ts';
import { formatTime, plural } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the secrets of the workspace, without their values',
  args: {},
  options: {},
  failure: 'list secrets',
  run: async ({ context }) => {
    const { output } = context;
    const secrets = await context.admin.listSecrets({ signal: context.signal });
    await output.result(secrets, () => {
      if (secrets.length === 0) return 'no secrets found';
      const rows = secrets.map(({ name, createdAt }) => [name, formatTime(createdAt)]);
      return `${output.table(header, rows)}\n${plural(secrets.length, 'secret')}`;
    });
  },
});

const header = ['Name', 'Created At'];
