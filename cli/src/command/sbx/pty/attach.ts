import { command } from '../../../command.ts';
import { sandbox } from '../../../option/sandbox.ts';
import { required, text, value } from '../../../parameter.ts';
import { joinTerminal } from '../../../terminal.ts';

export const attach = command({
  name: 'attach',
  summary: 'join a terminal session; exits with its exit code',
  examples: ['sbx pty attach --token 3f… my-env k2c8…'],
  args: { sandbox, session: required('session', 'id, as `pty ls` shows it') },
  options: { token: value('--token <token>', 'the token that making the session gave', text) },
  failure: 'attach to PTY session',
  run: async ({ args, options, context }) => {
    if (options.token === undefined)
      throw new Error('the token of the session is needed: give it with --token');
    const found = await context.sandboxes.connect(args.sandbox, { signal: context.signal });
    return joinTerminal(
      context,
      await found.connectPty(args.session, options.token, { signal: context.signal }),
    );
  },
});
