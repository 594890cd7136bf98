import { command } from '../../command.ts';
import { parseEnv } from '../../option/env.ts';
import { sandbox } from '../../option/sandbox.ts';
import { list, text, value } from '../../parameter.ts';
import { joinTerminal, terminalSize } from '../../terminal.ts';

export const ssh = command({
  name: 'ssh',
  summary: 'open a shell in a sandbox; exits with its exit code',
  examples: ['sbx ssh my-env', 'sbx ssh -s /bin/sh -w /tmp my-env'],
  args: { sandbox },
  options: {
    shell: value('-s, --shell <path>', 'default: /bin/bash', text),
    workdir: value('-w, --workdir <path>', 'working directory', text),
    env: list('-e, --env <KEY=VALUE>', 'environment variable', parseEnv),
    shellArgs: list('--shell-arg <argument>', 'argument of the shell', text),
    user: value('--user <user>', 'user name, uid or uid:gid (default: that of the image)', text),
  },
  failure: 'open a shell',
  run: async ({ args, options, context }) => {
    const found = await context.sandboxes.connect(args.sandbox, { signal: context.signal });
    const pty = await found.createPty({
      command: options.shell ?? '/bin/bash',
      args: options.shellArgs,
      env: {
        TERM: context.env['TERM'] ?? 'xterm-256color',
        COLORTERM: 'truecolor',
        ...Object.fromEntries(options.env),
      },
      ...(options.workdir !== undefined && { workingDir: options.workdir }),
      ...(options.user !== undefined && { user: options.user }),
      ...terminalSize(),
      signal: context.signal,
    });
    return joinTerminal(context, pty);
  },
});
