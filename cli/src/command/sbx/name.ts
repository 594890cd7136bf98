import { command } from '../../command.ts';
import { sandbox } from '../../option/sandbox.ts';
import { required } from '../../parameter.ts';

export const name = command({
  name: 'name',
  aliases: ['rename'],
  summary: 'name a sandbox, or give it another name',
  args: { sandbox, name: required('name', 'the new name') },
  options: {},
  failure: 'name sandbox',
  run: async ({ args, context }) => {
    const info = await context.sandboxes.updateSandbox(args.sandbox, args.name, { signal: context.signal });
    await context.output.result(info, () => info.name ?? args.name);
  },
});
