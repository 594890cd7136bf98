import { command } from '../../command.ts';
import { noSettleWait } from '../../option/no-settle-wait.ts';
import { sandbox } from '../../option/sandbox.ts';

export const resume = command({
  name: 'resume',
  summary: 'let a suspended sandbox go on where it was',
  args: { sandbox },
  options: { noWait: noSettleWait },
  failure: 'resume sandbox',
  run: async ({ args, options, context }) => {
    await context.sandboxes.resume(args.sandbox, { wait: !options.noWait, signal: context.signal });
    await context.output.result({ sandbox: args.sandbox }, () => args.sandbox);
  },
});
