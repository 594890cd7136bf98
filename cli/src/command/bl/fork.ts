import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { integer, required, value } from '../../parameter.ts';
import { blOptions } from './option.ts';

export const fork = command({
  name: 'fork',
  summary: 'make a live copy of a sandbox, with memory and processes',
  examples: ['fork my-sandbox my-copy'],
  args: {
    source: required('source', 'name of the sandbox'),
    target: required('target', 'name of the copy'),
  },
  options: {
    ...blOptions,
    timeout: value('--timeout <seconds>', 'how long the copy may take to run', integer(1)),
  },
  failure: 'fork sandbox',
  run: async ({ args, options, context }) => {
    const { signal, sandboxes } = context;
    const patience = options.timeout === undefined ? {} : { requestTimeout: options.timeout };
    const made = await sandboxes.copy(args.source, { times: 1, signal, ...patience });
    const [copy] = made.sandboxes;
    if (copy?.status !== 'running')
      throw new CliError(
        `the copy of ${args.source} does not run: ${copy?.reason ?? copy?.status ?? 'none'}`,
      );
    try {
      await sandboxes.updateSandbox(copy.sandboxId, args.target, { signal });
    } catch (error) {
      // A copy that nobody can name would run on unseen.
      await (await sandboxes.connect(copy.sandboxId)).terminate();
      throw error;
    }
    await context.output.line(args.target);
  },
});
