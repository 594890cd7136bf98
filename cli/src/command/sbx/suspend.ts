import { command } from '../../command.ts';
import { noSettleWait } from '../../option/no-settle-wait.ts';
import { sandbox } from '../../option/sandbox.ts';

export const suspend = command({
  name: 'suspend',
  summary: 'let a named sandbox stand still; any request wakes it',
  args: { sandbox },
  options: { noWait: noSettleWait },
  failure: 'suspend sandbox',
  run: async ({ args, options, context }) => {
    await context.sandboxes.suspend(args.sandbox, { wait: !options.noWait, signal: context.signal });
    await context.output.result({ sandbox: args.sandbox }, () => args.sandbox);
  },
});
