import { setTimeout as delay } from 'node:timers/promises';
import { SandboxInstance } from '@atoll/sdk/blaxel';
import { command } from '../../command.ts';
import { flag, optional, required, text, value } from '../../parameter.ts';
import { printLogs } from './follow-build.ts';
import { blOptions, connectBlaxel } from './option.ts';
import { resourceOf } from './resource.ts';

const POLL_MS = 2_000;

export const logs = command({
  name: 'logs',
  summary: 'print what a build has told, or what a process has written',
  examples: ['logs sandbox mytemplate', 'logs sandbox my-sandbox dev-server -f'],
  args: {
    resource: required('resource', 'sandbox or image'),
    name: required('name', 'of the sandbox'),
    process: optional('process', 'name or pid of a process'),
  },
  options: {
    ...blOptions,
    follow: flag('-f, --follow', 'go on with what comes'),
    start: value('--start <time>', 'not before', text),
    end: value('--end <time>', 'not after', text),
    severity: value('--severity <list>', 'INFO,WARNING,…', text),
    search: value('--search <text>', 'lines that hold it', text),
    noTimestamps: flag('--no-timestamps', 'lines alone'),
  },
  failure: 'read logs',
  run: async ({ args, options, context }) => {
    resourceOf(args.resource, ['sandbox', 'image']);
    const { signal, output } = context;
    if (args.process !== undefined) {
      const { namespace: _, ...given } = context.clientOptions;
      const { workspace } = options;
      const connection = { ...given, ...(workspace !== undefined && { workspace }) };
      const sandbox = await SandboxInstance.get(args.name, connection);
      if (!options.follow) return output.write(await sandbox.process.logs(args.process));
      const onLog = (line: string): void => void output.line(line);
      return sandbox.process.streamLogs(args.process, { onLog }, signal);
    }
    const connection = connectBlaxel(context, options);
    const { start, end, severity, search } = options;
    const filter = { start, end, severity, search, withoutTimes: options.noTimestamps };
    let offset = await printLogs(context, connection, { name: args.name, offset: 0, ...filter, signal });
    while (options.follow) {
      await delay(POLL_MS, undefined, { signal });
      offset += await printLogs(context, connection, { name: args.name, offset, ...filter, signal });
    }
  },
});
