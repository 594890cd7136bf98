import { command } from '../../command.ts';
import { formatBytes, formatTime, plural } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the file systems of the workspace',
  args: {},
  options: {},
  failure: 'list file systems',
  run: async ({ context }) => {
    const { output } = context;
    const found = await context.sandboxes.fileSystems.list({ signal: context.signal });
    await output.result(found, () => {
      if (found.length === 0) return 'No file systems found.';
      const rows = found.map((one) => [
        one.name,
        one.id,
        `${one.sizeMb} MB`,
        formatBytes(one.usedBytes),
        [...new Set(one.attachedTo.map(({ sandboxId }) => sandboxId))].join(' ') || '-',
        formatTime(one.createdAt),
      ]);
      return `${output.table(header, rows)}\n${plural(found.length, 'file system')}`;
    });
  },
});

const header = ['Name', 'ID', 'Size', 'Used', 'Attached To', 'Created At'];
