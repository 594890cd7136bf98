import { SandboxClient } from '@atoll/sdk';
import { command } from '../../command.ts';
import { required, text, value } from '../../parameter.ts';
import { joinTerminal, terminalSize } from '../../terminal.ts';
import { blOptions } from './option.ts';
import { resourceOf } from './resource.ts';

export const connect = command({
  name: 'connect',
  summary: 'open a shell in a sandbox; exits with its exit code',
  examples: ['connect sandbox my-sandbox'],
  args: { resource: required('resource', 'sandbox'), name: required('name', 'of the sandbox') },
  options: { ...blOptions, shell: value('-s, --shell <path>', 'default: /bin/sh', text) },
  failure: 'open a shell',
  run: async ({ args, options, context }) => {
    resourceOf(args.resource, ['sandbox']);
    const { workspace: namespace } = options;
    const own = namespace !== undefined && new SandboxClient({ ...context.clientOptions, namespace });
    const sandbox = await (own || context.sandboxes).connect(args.name, { signal: context.signal });
    const pty = await sandbox.createPty({
      command: options.shell ?? '/bin/sh',
      args: [],
      env: { TERM: context.env['TERM'] ?? 'xterm-256color', COLORTERM: 'truecolor' },
      ...terminalSize(),
      signal: context.signal,
    });
    return joinTerminal(context, pty);
  },
});
