import { command } from '../../../command.ts';
import { sandbox } from '../../../option/sandbox.ts';
import { required } from '../../../parameter.ts';

export const rm = command({
  name: 'rm',
  aliases: ['kill'],
  summary: 'end a terminal session and its process',
  args: { sandbox, session: required('session', 'id, as `pty ls` shows it') },
  options: {},
  failure: 'end PTY session',
  run: async ({ args, context }) => {
    const { output, signal } = context;
    const found = await context.sandboxes.connect(args.sandbox, { signal });
    await found.killPty(args.session, { signal });
    await output.result({ session: args.session }, () => args.session);
  },
});
