import { command } from '../../../command.ts';
import { fileSystem } from '../../../option/file-system.ts';
import { formatTime, plural } from '../../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the snapshots of a file system; by its id also once it is deleted',
  args: { fileSystem },
  options: {},
  failure: 'list snapshots of file system',
  run: async ({ args, context }) => {
    const { output, sandboxes, signal } = context;
    const found = await sandboxes.fileSystems.listSnapshots(args.fileSystem, { signal });
    await output.result(found, () => {
      if (found.length === 0) return 'No snapshots found.';
      const rows = found.map((one) => [
        one.id,
        one.fileSystemName,
        one.status,
        `${one.sizeMb} MB`,
        formatTime(one.createdAt),
      ]);
      return `${output.table(header, rows)}\n${plural(found.length, 'snapshot')}`;
    });
  },
});

const header = ['ID', 'File System', 'Status', 'Size', 'Created At'];
