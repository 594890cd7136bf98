import type { QuotaUse, WorkspaceQuotas } from '@atoll/sdk';
import { command, group } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UsageError } from '../../failure.ts';
import { integer, number, optional, required, value } from '../../parameter.ts';
import { workspaceOf } from '../../option/workspace.ts';

const get = command({
  name: 'get',
  summary: 'show what a workspace uses of what it may use',
  args: { name: optional('workspace', 'default: the one in use') },
  options: {},
  failure: 'show quotas',
  run: async ({ args, context }) => {
    const { admin, signal } = context;
    await show(context, await admin.quotas.get(await workspaceOf(context, args.name), { signal }));
  },
});

/** A limit, or `none` for what every workspace may use. */
const limit =
  (parse: (text: string) => number) =>
  (given: string): number | null =>
    given === 'none' ? null : parse(given);

const set = command({
  name: 'set',
  summary: 'limit what a workspace may use; `none` is what every workspace may (operator only)',
  examples: [
    'workspace quota set team-a --sandboxes 20 --cpus 16 --memory 32768',
    'workspace quota set team-a --cpus none',
  ],
  args: { name: required('workspace', 'name or id of the workspace') },
  options: {
    sandboxes: value('--sandboxes <count>', 'living sandboxes', limit(integer(0))),
    cpus: value('--cpus <count>', 'CPUs of all of them', limit(number(0))),
    memoryMb: value('--memory <mb>', 'memory of all of them', limit(integer(0))),
    diskMb: value('--disk <mb>', 'disk of all of them', limit(integer(0))),
    builds: value('--builds <count>', 'builds that have not ended', limit(integer(0))),
  },
  failure: 'set quotas',
  run: async ({ args, options, context }) => {
    const isEmpty = Object.values(options).every((limit) => limit === undefined);
    if (isEmpty) throw new UsageError('no quota was given');
    const { admin, signal } = context;
    await show(context, await admin.quotas.set(args.name, options, { signal }));
  },
});

export const quota = group({
  name: 'quota',
  summary: 'what a workspace may use',
  commands: [get, set],
});

async function show(context: Context, quotas: WorkspaceQuotas): Promise<void> {
  const row = (label: string, { used, limit, isOwn }: QuotaUse): string[] => [
    label,
    String(used),
    limit === undefined ? '-' : String(limit),
    isOwn ? 'workspace' : 'server',
  ];
  const rows = [
    row('sandboxes', quotas.sandboxes),
    row('CPUs', quotas.cpus),
    row('memory (MB)', quotas.memoryMb),
    row('disk (MB)', quotas.diskMb),
    row('builds', quotas.builds),
  ];
  await context.output.result(quotas, () =>
    context.output.table(['Quota', 'Used', 'Limit', 'Set For'], rows),
  );
}
