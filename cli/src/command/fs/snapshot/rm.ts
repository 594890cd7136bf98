import { command } from '../../../command.ts';
import { rest } from '../../../parameter.ts';

export const rm = command({
  name: 'rm',
  summary: 'delete snapshots of file systems; what was made of them stays',
  args: { snapshots: rest('snapshot', 'ids of snapshots') },
  options: {},
  failure: 'delete snapshot of file system',
  run: async ({ args, context }) => {
    const { output, sandboxes, signal } = context;
    for (const id of args.snapshots) {
      await sandboxes.fileSystems.deleteSnapshot(id, { signal });
      if (!output.json) await output.line(id);
    }
    if (output.json) await output.result({ deleted: args.snapshots }, () => '');
  },
});
