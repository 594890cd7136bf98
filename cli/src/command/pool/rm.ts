import { command } from '../../command.ts';
import { poolArgument } from './option.ts';

export const rm = command({
  name: 'rm',
  aliases: ['delete'],
  summary: 'delete a pool and what is warm in it; refused while a claimed sandbox lives',
  args: { pool: poolArgument },
  options: {},
  failure: 'delete pool',
  run: async ({ args, context }) => {
    await context.sandboxes.deletePool(args.pool, { signal: context.signal });
    await context.output.result({ deleted: args.pool }, () => args.pool);
  },
});
