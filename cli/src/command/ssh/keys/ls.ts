import { command } from '../../../command.ts';
import { formatTime } from '../../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list your SSH keys',
  args: {},
  options: {},
  failure: 'list SSH keys',
  run: async ({ context }) => {
    const keys = await context.admin.listSshKeys({ signal: context.signal });
    const rows = keys.map(({ id, name, keyType, fingerprint, lastUsedAt }) => [
      id,
      name,
      keyType,
      fingerprint,
      formatTime(lastUsedAt),
    ]);
    await context.output.result(keys, () =>
      context.output.table(['ID', 'Name', 'Type', 'Fingerprint', 'Last Used'], rows),
    );
  },
});
