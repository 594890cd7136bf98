import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { required, rest } from '../../parameter.ts';

const name = required('workspace', 'name of the workspace');
const ranges = rest('range', 'IPv4 address or range');

export const openings = command({
  name: 'openings',
  summary: 'list the closed ranges that sandboxes of a workspace may reach (operator only)',
  args: { name },
  options: {},
  failure: 'list openings',
  run: ({ args, context }) =>
    show(context, context.admin.networkOpenings(args.name, { signal: context.signal })),
});

export const open = command({
  name: 'open',
  summary: 'let the sandboxes of a workspace reach a private range, the host or the metadata (operator only)',
  examples: ['workspace open default 10.20.0.0/16'],
  args: { name, ranges },
  options: {},
  failure: 'open range',
  run: ({ args, context }) =>
    change(context, args.name, (before) => [...new Set([...before, ...args.ranges])]),
});

export const close = command({
  name: 'close',
  summary: 'close ranges that were opened; connections into them end (operator only)',
  args: { name, ranges },
  options: {},
  failure: 'close range',
  run: ({ args, context }) =>
    change(context, args.name, (before) =>
      before.filter((range) => !args.ranges.some((given) => range === given || range === `${given}/32`)),
    ),
});

async function change(
  context: Context,
  workspace: string,
  next: (before: string[]) => string[],
): Promise<void> {
  const options = { signal: context.signal };
  const before = await context.admin.networkOpenings(workspace, options);
  await show(context, context.admin.setNetworkOpenings(workspace, next(before), options));
}

async function show(context: Context, asked: Promise<string[]>): Promise<void> {
  const found = await asked;
  await context.output.result(found, () => (found.length === 0 ? 'No openings.' : found.join('\n')));
}
