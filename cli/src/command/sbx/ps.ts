import type { ProcessInfo } from '@atoll/sdk';
import { command } from '../../command.ts';
import { sandbox } from '../../option/sandbox.ts';
import { formatTime } from '../../output/format.ts';
import { optional } from '../../parameter.ts';

export const ps = command({
  name: 'ps',
  summary: 'list the processes that were started in a sandbox',
  args: { sandbox, process: optional('process', 'only this one') },
  options: {},
  failure: 'list processes',
  run: async ({ args, context }) => {
    const { output, signal } = context;
    const found = await context.sandboxes.connect(args.sandbox, { signal });
    if (args.process !== undefined) {
      const one = await found.getProcess(args.process, { signal });
      return await output.result(one, () => output.table(header, [toRow(one)]));
    }
    const all = await found.listProcesses({ signal });
    return await output.result(all, () => output.table(header, all.map(toRow)));
  },
});

const header = ['PID', 'Status', 'Exit', 'Started At', 'Command'];

const toRow = (process: ProcessInfo): string[] => [
  String(process.pid),
  process.status,
  String(process.exitCode ?? (process.signal === undefined ? '-' : `signal ${process.signal}`)),
  formatTime(process.startedAt),
  [process.command, ...process.args].join(' '),
];
