import { command } from '../../command.ts';
import { processOptions } from '../../option/process.ts';
import { sandbox } from '../../option/sandbox.ts';
import { rest } from '../../parameter.ts';
import { runRemoteCommand } from '../../remote-command.ts';

export const exec = command({
  name: 'exec',
  summary: 'run a command in a sandbox; exits with its exit code, 128+n where a signal ended it',
  examples: ['sbx exec my-env ls -l', "sbx exec -w /tmp -e A=1 my-env -- bash -c 'echo $A'"],
  args: { sandbox, command: rest('command', 'the command and its arguments') },
  options: processOptions,
  wrapsCommand: true,
  failure: 'run process',
  run: async ({ args, options, context }) => {
    const found = await context.sandboxes.connect(args.sandbox, { signal: context.signal });
    return await runRemoteCommand(context, found, args.command, options);
  },
});
