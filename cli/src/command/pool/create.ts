import { command } from '../../command.ts';
import { poolOptions, toPoolFields } from './option.ts';

export const create = command({
  name: 'create',
  aliases: ['new'],
  summary: 'create a pool and print its id',
  examples: ['pool create --warm 2 --max 10', 'pool create -i my-image -m 2048 --warm 1 -e my-server'],
  args: {},
  options: poolOptions,
  failure: 'create pool',
  run: async ({ options, context }) => {
    const made = await context.sandboxes.createPool(toPoolFields(options), { signal: context.signal });
    await context.output.result(made, () => made.poolId);
  },
});
