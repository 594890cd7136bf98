import { command } from '../../command.ts';
import { required } from '../../parameter.ts';

export const revoke = command({
  name: 'revoke',
  aliases: ['rm'],
  summary: 'end a key at once',
  args: { key: required('key', 'id of the key, as `key ls` shows it') },
  options: {},
  failure: 'revoke key',
  run: async ({ args, context }) => {
    await context.admin.revokeKey(args.key, { signal: context.signal });
    await context.output.result({ revoked: args.key }, () => args.key);
  },
});
