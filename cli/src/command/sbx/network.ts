import type { NetworkReport } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { Output } from '../../output/output.ts';
import { sandbox } from '../../option/sandbox.ts';
import { formatBytes, formatTime, plural } from '../../output/format.ts';
import { formatFields } from '../../output/table.ts';

export const network = command({
  name: 'network',
  summary: 'show what a sandbox may reach, what it has sent, and what was refused',
  args: { sandbox },
  options: {},
  failure: 'show network',
  run: async ({ args, context }) => {
    const report = await context.sandboxes.network(args.sandbox, { signal: context.signal });
    await context.output.result(report, () => render(report, context.output));
  },
});

const listing = (entries: readonly string[]): string => (entries.length === 0 ? '-' : entries.join(', '));

const traffic = ({ bytes, packets }: { bytes: number; packets: number }): string =>
  `${formatBytes(bytes)} in ${plural(packets, 'packet')}`;

function limitsOf({ mbitPerSecond, newConnectionsPerSecond }: NetworkReport['limits']): string {
  return [
    mbitPerSecond === undefined ? 'no limit of bandwidth' : `${mbitPerSecond} Mbit/s each way`,
    newConnectionsPerSecond === undefined
      ? 'no limit of new connections'
      : `${newConnectionsPerSecond} new connections a second`,
  ].join(', ');
}

function render(report: NetworkReport, output: Output): string {
  const fields = formatFields([
    ['Internet', report.allowInternetAccess ? 'allowed' : 'blocked'],
    ['Allow out', listing(report.allowOut)],
    ['Deny out', listing(report.denyOut)],
    ['Open ranges', listing(report.openRanges)],
    ['Limits', limitsOf(report.limits)],
    ['Sent', traffic(report.sent)],
    ['Received', traffic(report.received)],
    ['Refused', traffic(report.refused)],
  ]);
  const rows = [
    ...report.refusals.map(({ address, protocol, port, packets, lastAt }) => [
      port === undefined ? address : `${address}:${port}`,
      protocol,
      String(packets),
      formatTime(lastAt),
    ]),
    ...report.refusedNames.map(({ name, count, lastAt }) => [name, 'dns', String(count), formatTime(lastAt)]),
  ];
  if (rows.length === 0) return `${fields}\nNothing was refused within the last hour.`;
  return `${fields}\n${output.table(['Refused', 'Protocol', 'Times', 'Last At'], rows)}`;
}
