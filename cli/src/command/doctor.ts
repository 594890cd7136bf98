import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../failure.ts';
import { parseListen } from '../option/listen.ts';
import { flag, text, value } from '../parameter.ts';

/** In-process, like `server`: it looks at this machine. */
export const doctor = command({
  name: 'doctor',
  summary: 'check whether this machine can run sandboxes; exits with 1 where it cannot',
  args: {},
  options: {
    fix: flag('--fix', 'repair what can be repaired without risk'),
    dataDir: value('--data-dir <path>', 'data directory of the server', text),
    listen: value('--listen <host:port>', 'address that the server is to listen on', parseListen),
  },
  failure: 'check this machine',
  run: async ({ options, context }) => {
    const { createDoctorContext, runChecks } = await import('@atoll/server');
    const machine = createDoctorContext({
      dataDir: options.dataDir ?? (context.env['ATOLL_DATA_DIR'] || '/var/lib/atoll'),
      listen: options.listen ?? { host: '127.0.0.1', port: 8900 },
      signal: context.signal,
    });
    const { output } = context;
    const onReport = (report: Report) => {
      if (!output.json) void output.line(formatReport(report));
    };
    const reports = await runChecks(machine, { fix: options.fix, onReport });
    if (output.json) await output.result(reports, () => '');
    else await summarize(context, reports, options.fix);
    return reports.some(({ status }) => status === 'fail') ? exitCodes.error : exitCodes.ok;
  },
});

interface Report {
  title: string;
  status: 'ok' | 'warn' | 'fail';
  detail: string;
  fix?: string;
  repair?: 'repaired' | 'failed';
  repairError?: string;
}

function formatReport({ status, title, detail, fix, repair, repairError }: Report): string {
  const repaired = repair === 'repaired' ? ' (repaired)' : '';
  return [
    `${status.padEnd(4)}  ${title}: ${detail}${repaired}`,
    ...(repairError === undefined ? [] : [`      the repair failed: ${repairError}`]),
    ...(fix === undefined ? [] : [`      next: ${fix}`]),
  ].join('\n');
}

async function summarize({ output }: Context, reports: readonly Report[], fixed: boolean): Promise<void> {
  const count = (wanted: Report['status']) => reports.filter(({ status }) => status === wanted).length;
  await output.line(`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`);
  if (count('fail') > 0 && !fixed) output.note('`doctor --fix` repairs what it can.');
}
