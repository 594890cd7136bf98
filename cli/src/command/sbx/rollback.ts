import { command } from '../../command.ts';
import { sandbox } from '../../option/sandbox.ts';
import { flag, required } from '../../parameter.ts';

export const rollback = command({
  name: 'rollback',
  summary: 'start a sandbox again from a snapshot, under the same id and name',
  examples: ['sbx rollback my-env SNAPSHOT'],
  args: { sandbox, snapshot: required('snapshot', 'id of the snapshot') },
  options: { filesOnly: flag('--files-only', 'of a memory snapshot, go back to the files alone') },
  failure: 'roll back sandbox',
  run: async ({ args, options, context }) => {
    const { output, sandboxes, signal } = context;
    const info = await output.progress(`Rolling back sandbox ${args.sandbox}`, () =>
      sandboxes.rollback(args.sandbox, args.snapshot, {
        signal,
        ...(options.filesOnly && { snapshotType: 'filesystem' }),
      }),
    );
    await output.result(info, () => args.sandbox);
  },
});
