import type { CreatePoolOptions, SandboxPoolInfo } from '@atoll/sdk';
import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { poolArgument, poolOptions, toPoolFields } from './option.ts';

export const update = command({
  name: 'update',
  summary: 'change what is given; warm sandboxes that differ are replaced',
  examples: ['pool update g190pgclz1gjpj2yikodt --warm 4', 'pool update g190pgclz1gjpj2yikodt -i my-image'],
  args: { pool: poolArgument },
  options: poolOptions,
  failure: 'update pool',
  run: async ({ args, options, context }) => {
    const { sandboxes, signal } = context;
    const changes = toPoolFields(options);
    if (Object.keys(changes).length === 0) throw new UsageError('nothing to change was given');
    // The server replaces a pool as a whole.
    const before = optionsOf(await sandboxes.getPool(args.pool, { signal }));
    const pool = await sandboxes.updatePool(args.pool, { ...before, ...changes }, { signal });
    await context.output.result(pool, () => pool.poolId);
  },
});

const optionsOf = (pool: SandboxPoolInfo): CreatePoolOptions => ({
  image: pool.image,
  cpus: pool.resources.cpus,
  memoryMb: pool.resources.memoryMb,
  ephemeralDiskMb: pool.resources.diskMb,
  timeoutSecs: pool.timeoutSecs,
  secretNames: pool.secretNames,
  fileSystems: pool.fileSystems,
  ...(pool.entrypoint !== undefined && { entrypoint: pool.entrypoint }),
  ...(pool.warmContainers !== undefined && { warmContainers: pool.warmContainers }),
  ...(pool.maxContainers !== undefined && { maxContainers: pool.maxContainers }),
});
