import type { SandboxInfo } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatTime, plural } from '../../output/format.ts';
import { flag } from '../../parameter.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list sandboxes; terminated ones only with -a or -t',
  args: {},
  options: {
    all: flag('-a, --all', 'terminated ones too'),
    running: flag('-r, --running', 'only running ones'),
    suspended: flag('-s, --suspended', 'only suspended ones'),
    terminated: flag('-t, --terminated', 'only terminated ones'),
    archived: flag('--archived', 'the archive of terminated ones'),
    quiet: flag('-q, --quiet', 'only ids'),
  },
  failure: 'list sandboxes',
  run: async ({ options, context }) => {
    const { output } = context;
    const found = options.archived ? await archive(context) : await filtered(context, options);
    if (options.quiet && !output.json) {
      for (const { sandboxId } of found) await output.line(sandboxId);
      return;
    }
    await output.result(found, () => {
      if (found.length === 0) return 'No sandboxes found.';
      const state = options.running ? 'running ' : options.suspended ? 'suspended ' : '';
      return `${output.table(header, found.map(toRow))}\n${plural(found.length, `${state}sandbox`, `${state}sandboxes`)}`;
    });
  },
});

interface Filter {
  all: boolean;
  running: boolean;
  suspended: boolean;
  terminated: boolean;
}

async function filtered(context: Context, filter: Filter): Promise<SandboxInfo[]> {
  const all = await context.sandboxes.list({ signal: context.signal });
  const wanted = (['running', 'suspended', 'terminated'] as const).filter((status) => filter[status]);
  if (wanted.length > 0) return all.filter(({ status }) => wanted.some((one) => one === status));
  return filter.all ? all : all.filter(({ status }) => status !== 'terminated');
}

async function archive(context: Context): Promise<SandboxInfo[]> {
  const found: SandboxInfo[] = [];
  let cursor: string | undefined;
  do {
    const at = cursor === undefined ? {} : { cursor };
    const page = await context.sandboxes.listArchived({ limit: 1000, ...at, signal: context.signal });
    found.push(...page.sandboxes);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

const header = ['ID', 'Name', 'Status', 'Image', 'CPUs', 'Memory', 'Disk', 'Created At'];

const toRow = ({ sandboxId, name, status, image, resources, createdAt }: SandboxInfo): string[] => [
  sandboxId,
  name ?? '',
  status,
  image ?? '-',
  String(resources.cpus),
  `${resources.memoryMb} MB`,
  resources.diskMb === 0 ? '-' : `${resources.diskMb} MB`,
  formatTime(createdAt),
];
