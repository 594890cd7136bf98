import { command, group } from '../../../command.ts';
import { sandbox } from '../../../option/sandbox.ts';
import { number, oneOf, value } from '../../../parameter.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';

const take = command({
  name: 'checkpoint',
  summary: 'take a snapshot of a sandbox, which goes on',
  examples: ['sbx checkpoint my-env', 'sbx create --snapshot SNAPSHOT', 'sbx checkpoint ls'],
  args: { sandbox },
  options: {
    timeout: value('-t, --timeout <seconds>', 'how long to wait (default: 300)', number(0)),
    type: value(
      '--checkpoint-type <type>',
      'memory or filesystem (default)',
      oneOf(['memory', 'filesystem']),
    ),
  },
  failure: 'take snapshot',
  run: async ({ args, options, context }) => {
    const { output, sandboxes, signal } = context;
    const waiting = { signal, ...(options.timeout !== undefined && { timeout: options.timeout }) };
    const snapshot = await output.progress(`Snapshotting sandbox ${args.sandbox}`, async () => {
      const type = options.type === undefined ? {} : { snapshotType: options.type };
      const begun = await sandboxes.snapshot(args.sandbox, { signal, ...type });
      output.note(`Snapshot ${begun.snapshotId} initiated (${begun.status})`);
      return sandboxes.waitForSnapshot(begun.snapshotId, waiting);
    });
    await output.result(snapshot, () => snapshot.snapshotId);
  },
});

export const checkpoint = group({
  name: 'checkpoint',
  aliases: ['snapshot'],
  summary: 'take a snapshot of a sandbox, and see what there is',
  commands: [ls, rm],
  self: take,
});
