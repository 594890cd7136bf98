import type { GetSandboxLogsOptions, LogEntry, LoggedProcess, LogFilter, SandboxClient } from '@atoll/sdk';
import { SandboxError } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { since } from '../../option/since.ts';
import { sandbox } from '../../option/sandbox.ts';
import { formatTime } from '../../output/format.ts';
import { flag, integer, list, oneOf, text, value } from '../../parameter.ts';

const MAX_LINES = 1_000;
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

export const logs = command({
  name: 'logs',
  summary: 'show what the processes of a sandbox printed, of one that has ended too (by id)',
  args: { sandbox },
  options: {
    follow: flag('-f, --follow', 'go on with what comes, until the sandbox ends'),
    tail: value('--tail <lines>', 'the last lines; default: 100, with -f all', integer(0, MAX_LINES)),
    head: value('--head <lines>', 'the first lines', integer(1, MAX_LINES)),
    since,
    processes: list('--process <process>', 'only of this process: name, pid or id of --streams', text),
    levels: list('--level <level>', 'info is standard output, error standard error', oneOf(levels)),
    body: value('--body <text>', 'only lines with this text', text),
    nextToken: value('--next-token <token>', 'the page behind an earlier one, of the same call', text),
    streams: flag('--streams', 'list the processes of which lines are kept'),
  },
  failure: 'show the log',
  run: async ({ args, options, context }) => {
    const { sandboxes, output, signal } = context;
    if (options.streams) return showProcesses(context, args.sandbox);
    const filter = await filterOf(sandboxes, args.sandbox, options);
    const { follow, head, nextToken } = options;
    if (!follow) return showPage(context, args.sandbox, { ...filter, ...pageOf(options), signal });
    if (head !== undefined || nextToken !== undefined)
      throw new SandboxError('--follow goes with --tail, not with --head or --next-token');
    for await (const entry of sandboxes.followLogs(args.sandbox, { ...filter, tail: options.tail, signal }))
      await output.line(output.json ? JSON.stringify(entry) : lineOf(entry));
  },
});

interface Page {
  head: number | undefined;
  tail: number | undefined;
  nextToken: string | undefined;
}

function pageOf({ head, tail, nextToken }: Page): GetSandboxLogsOptions {
  return head === undefined ? { tail: Math.max(1, tail ?? 100), nextToken } : { head, nextToken, tail };
}

async function showPage(
  { sandboxes, output }: Context,
  id: string,
  options: GetSandboxLogsOptions,
): Promise<void> {
  const page = await sandboxes.getLogs(id, options);
  await output.result(page, () => page.logs.map(lineOf).join('\n') || 'No lines.');
  if (page.nextToken !== undefined)
    output.note(`${options.head === undefined ? 'Earlier' : 'Later'} lines: --next-token ${page.nextToken}`);
}

/** As `docker logs` has it, with the time where it says something. */
const lineOf = ({ at, stream, body }: LogEntry): string => `${at.toISOString()} ${stream.padEnd(6)} ${body}`;

async function showProcesses({ sandboxes, output, signal }: Context, id: string): Promise<void> {
  const found = await sandboxes.listLogProcesses(id, { signal });
  await output.result(found, () =>
    output.table(
      ['Process', 'PID', 'Name', 'Lines', 'Last', 'Command'],
      found.map(({ processId, pid, managedName, logCount, lastSeen, command: line }) => [
        processId,
        String(pid ?? '-'),
        managedName || '-',
        String(logCount),
        formatTime(lastSeen),
        line,
      ]),
    ),
  );
}

interface Wanted {
  processes: readonly string[];
  levels: (typeof levels)[number][];
  body: string | undefined;
  since: Date | undefined;
}

async function filterOf(sandboxes: SandboxClient, id: string, wanted: Wanted): Promise<LogFilter> {
  const { levels: chosen, body, since: from } = wanted;
  return {
    body,
    since: from,
    ...(chosen.length > 0 && { levels: chosen }),
    ...(wanted.processes.length > 0 && { processIds: await idsOf(sandboxes, id, wanted.processes) }),
  };
}

/** A name means all runs of a managed process. */
async function idsOf(sandboxes: SandboxClient, id: string, names: readonly string[]): Promise<string[]> {
  const known = await sandboxes.listLogProcesses(id);
  return names.flatMap((name) => {
    const found = known.filter((process) => isCalled(process, name));
    if (found.length > 0) return found.map(({ processId }) => processId);
    throw new SandboxError(`no process ${name} of sandbox ${id} has printed anything`, {
      hint: `\`atoll sbx logs ${id} --streams\` lists those that have.`,
    });
  });
}

const isCalled = ({ processId, pid, managedName }: LoggedProcess, name: string): boolean =>
  processId === name || String(pid) === name || managedName === name;
