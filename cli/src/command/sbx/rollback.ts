import { command } from '../../command.ts';
import { sandbox } from '../../option/sandbox.ts';
import { required } from '../../parameter.ts';

export const rollback = command({
  name: 'rollback',
  summary: 'start a sandbox again from a snapshot, under the same id and name',
  examples: ['sbx rollback my-env SNAPSHOT'],
  args: { sandbox, snapshot: required('snapshot', 'id of the snapshot') },
  options: {},
  failure: 'roll back sandbox',
  run: async ({ args, context }) => {
    const { output, sandboxes, signal } = context;
    const info = await output.progress(`Rolling back sandbox ${args.sandbox}`, () =>
      sandboxes.rollback(args.sandbox, args.snapshot, { signal }),
    );
    await output.result(info, () => args.sandbox);
  },
});
