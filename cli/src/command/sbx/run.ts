import { command } from '../../command.ts';
import { networkOptions, toNetworkFields } from '../../option/network.ts';
import { processOptions } from '../../option/process.ts';
import { resourceOptions } from '../../option/resource.ts';
import { flag, rest } from '../../parameter.ts';
import { runRemoteCommand } from '../../remote-command.ts';
import { describeImage, toResourceFields } from './create.ts';

export const run = command({
  name: 'run',
  summary: 'run a command in a sandbox of its own, which ends with it',
  examples: ['sbx run -- uname -a', "sbx run -N -m 512 -- python3 -c 'print(6 * 7)'"],
  args: { command: rest('command', 'the command and its arguments') },
  options: {
    ...resourceOptions,
    ...processOptions,
    keep: flag('-k, --keep', 'keep the sandbox afterwards'),
    ...networkOptions,
  },
  wrapsCommand: true,
  failure: 'run command',
  run: async ({ args, options, context }) => {
    const wanted = { ...toResourceFields(options), ...toNetworkFields(options) };
    // Not aborted: a create in flight could leave a sandbox that nobody knows of.
    const sandbox = await context.output.progress(
      `Creating sandbox with ${describeImage(options.image)}`,
      () => context.sandboxes.createAndConnect(wanted),
    );
    try {
      context.signal.throwIfAborted();
      return await runRemoteCommand(context, sandbox, args.command, options);
    } finally {
      if (options.keep) context.output.note(`Sandbox ${sandbox.sandboxId} kept alive.`);
      else await sandbox.terminate();
    }
  },
});
