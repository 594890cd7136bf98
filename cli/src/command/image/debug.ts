import { command } from '../../command.ts';
import { flag, required, text, value } from '../../parameter.ts';
import { joinTerminal, terminalSize } from '../../terminal.ts';

export const debug = command({
  name: 'debug',
  summary: 'open a shell in the state before the step of a build that failed',
  examples: ['image debug build_7f3k2m'],
  args: { build: required('build', 'id of the build') },
  options: {
    shell: value('-s, --shell <path>', 'default: /bin/sh', text),
    keep: flag('-k, --keep', 'keep the sandbox when the shell ends'),
  },
  failure: 'debug build',
  run: async ({ args, options, context }) => {
    const { signal, output } = context;
    const opened = await context.builds.debug(args.build, { signal });
    const sandbox = await context.sandboxes.connect(opened.sandboxId, { signal });
    try {
      output.note(`The step was: ${opened.command.join(' ')}`);
      const pty = await sandbox.createPty({
        command: options.shell ?? '/bin/sh',
        args: [],
        env: { TERM: context.env['TERM'] ?? 'xterm-256color', ...opened.env },
        workingDir: opened.workingDir,
        user: opened.user,
        ...terminalSize(),
        signal,
      });
      return await joinTerminal(context, pty);
    } finally {
      if (options.keep) output.note(`Sandbox ${opened.sandboxId} kept alive.`);
      else await sandbox.terminate();
    }
  },
});
