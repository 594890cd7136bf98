import type { PoolContainerInfo, SandboxPoolInfo } from '@atoll/sdk';
import { command } from '../../command.ts';
import { formatMounts } from '../../option/file-system.ts';
import { formatTime } from '../../output/format.ts';
import { formatFields } from '../../output/table.ts';
import { poolArgument } from './option.ts';

export const describe = command({
  name: 'describe',
  aliases: ['info'],
  summary: 'show a pool and its containers',
  args: { pool: poolArgument },
  options: {},
  failure: 'describe pool',
  run: async ({ args, context }) => {
    const { output } = context;
    const pool = await context.sandboxes.getPool(args.pool, { signal: context.signal });
    await output.result(pool, () => {
      const { containers = [] } = pool;
      const table = containers.length === 0 ? '' : `\n\n${output.table(header, containers.map(rowOf))}`;
      return `${formatFields(fieldsOf(pool))}${table}`;
    });
  },
});

const header = ['Container', 'State', 'Sandbox'];

const rowOf = ({ id, state, sandboxId }: PoolContainerInfo): string[] => [id, state, sandboxId ?? '-'];

const fieldsOf = (pool: SandboxPoolInfo): (readonly [string, string | undefined])[] => [
  ['ID', pool.poolId],
  ['Namespace', pool.namespace],
  ['Image', pool.image],
  ['CPUs', String(pool.resources.cpus)],
  ['Memory', `${pool.resources.memoryMb} MB`],
  ['Disk', `${pool.resources.diskMb} MB`],
  ['Warm', String(pool.warmContainers ?? 0)],
  ['Max', pool.maxContainers === undefined ? 'none' : String(pool.maxContainers)],
  ['Timeout', pool.timeoutSecs ? `${pool.timeoutSecs}s` : 'none'],
  ['Internet', (pool.network?.allowInternetAccess ?? true) ? 'allowed' : 'blocked'],
  ['Entrypoint', pool.entrypoint?.join(' ')],
  ['Secrets', pool.secretNames.length === 0 ? undefined : pool.secretNames.join(', ')],
  ['File systems', formatMounts(pool.fileSystems)],
  ['Created', formatTime(pool.createdAt)],
  ['Updated', formatTime(pool.updatedAt)],
  ['Error', pool.errorDetails?.message],
];
