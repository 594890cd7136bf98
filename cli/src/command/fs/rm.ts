import { command } from '../../command.ts';
import { rest } from '../../parameter.ts';

export const rm = command({
  name: 'rm',
  summary: 'delete file systems with all that they hold; their snapshots stay',
  args: { fileSystems: rest('file-system', 'ids or names of file systems') },
  options: {},
  failure: 'delete file system',
  run: async ({ args, context }) => {
    const { output, sandboxes, signal } = context;
    for (const id of args.fileSystems) {
      await sandboxes.fileSystems.delete(id, { signal });
      if (!output.json) await output.line(id);
    }
    if (output.json) await output.result({ deleted: args.fileSystems }, () => '');
  },
});
