import { command } from '../../../command.ts';
import { required } from '../../../parameter.ts';

export const rm = command({
  name: 'rm',
  aliases: ['remove'],
  summary: 'remove an SSH key; connections that it opened end at once',
  args: { key: required('key', 'id of the key, as `ssh keys ls` shows it') },
  options: {},
  failure: 'remove SSH key',
  run: async ({ args, context }) => {
    await context.admin.removeSshKey(args.key, { signal: context.signal });
    await context.output.result({ removed: args.key }, () => args.key);
  },
});
