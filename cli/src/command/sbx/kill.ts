import { command } from '../../command.ts';
import { sandbox } from '../../option/sandbox.ts';
import { integer, required, value } from '../../parameter.ts';

export const kill = command({
  name: 'kill',
  summary: 'kill a process in a sandbox, or send it a signal',
  examples: ['sbx kill my-env 42', 'sbx kill --signal 15 my-env 42'],
  args: { sandbox, process: required('process', 'pid, as `ps` shows it') },
  options: { signal: value('--signal <number>', 'default: 9', integer(1, 64)) },
  failure: 'kill process',
  run: async ({ args, options, context }) => {
    const { output, signal } = context;
    const found = await context.sandboxes.connect(args.sandbox, { signal });
    if (options.signal === undefined) await found.killProcess(args.process, { signal });
    else await found.sendSignal(args.process, options.signal, { signal });
    await output.result({ process: args.process, signal: options.signal ?? 9 }, () => args.process);
  },
});
