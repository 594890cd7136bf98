import { command } from '../command.ts';
import { formatTime } from '../output/format.ts';
import { integer, text, value } from '../parameter.ts';

export const audit = command({
  name: 'audit',
  summary: 'what was changed in the workspace, by whom, from where; newest first',
  args: {},
  options: {
    limit: value('--limit <count>', 'entries, 1 to 1000; default 100', integer(1, 1000)),
    text: value('--filter <text>', 'only what has it in action, target, result, member or address', text),
    cursor: value('--cursor <cursor>', 'go on where the last page ended', integer(0)),
  },
  failure: 'read the audit record',
  run: async ({ options, context }) => {
    const page = await context.admin.listAudit(options, { signal: context.signal });
    const rows = page.entries.map((entry) => [
      formatTime(entry.at),
      entry.action,
      entry.target ?? '-',
      entry.result,
      entry.memberName ?? entry.memberId ?? '-',
      entry.address ?? '-',
    ]);
    const { output } = context;
    await output.result(page, () =>
      output.table(['At', 'Action', 'Target', 'Result', 'Member', 'From'], rows),
    );
    if (page.nextCursor !== undefined) output.note(`More with --cursor ${page.nextCursor}`);
  },
});
