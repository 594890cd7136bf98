import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { poolArgument } from './option.ts';

export const claim = command({
  name: 'claim',
  summary: 'take a sandbox of a pool and print its id',
  args: { pool: poolArgument },
  options: {},
  failure: 'claim sandbox',
  run: async ({ args, context }) => {
    // Not aborted: a claim in flight could leave a sandbox that nobody knows of.
    const sandbox = await context.sandboxes.claimAndConnect(args.pool);
    if (context.signal.aborted) {
      await sandbox.terminate();
      throw new CliError('interrupted');
    }
    const { sandboxId } = sandbox;
    await context.output.result({ sandboxId, status: 'running' }, () => sandboxId);
  },
});
