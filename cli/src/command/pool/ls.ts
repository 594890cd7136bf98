import { command } from '../../command.ts';
import { formatTime, plural } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the pools of the workspace',
  args: {},
  options: {},
  failure: 'list pools',
  run: async ({ context }) => {
    const { output } = context;
    const pools = await context.sandboxes.listPools({ signal: context.signal });
    await output.result(pools, () => {
      if (pools.length === 0) return 'No pools found.';
      const rows = pools.map((pool) => [
        pool.poolId,
        pool.image,
        String(pool.resources.cpus),
        `${pool.resources.memoryMb} MB`,
        String(pool.warmContainers ?? 0),
        String(pool.maxContainers ?? '-'),
        formatTime(pool.createdAt),
      ]);
      return `${output.table(header, rows)}\n${plural(pools.length, 'pool')}`;
    });
  },
});

const header = ['ID', 'Image', 'CPUs', 'Memory', 'Warm', 'Max', 'Created At'];
