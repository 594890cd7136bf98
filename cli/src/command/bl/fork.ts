import * as protocol from '@atoll/protocol';
import { command } from '../../command.ts';
import { integer, required, value } from '../../parameter.ts';
import { blOptions, connectBlaxel } from './option.ts';

export const fork = command({
  name: 'fork',
  summary: 'make a copy of a sandbox as it is now, with its memory where the runtime can',
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
    const { timeout: seconds } = options;
    const input = { params: { name: args.source }, query: {}, body: { targetName: args.target } };
    await connectBlaxel(context, options).call(protocol.forkBlaxelSandbox, input, {
      signal: context.signal,
      ...(seconds !== undefined && { timeoutMs: seconds * 1000 }),
    });
    await context.output.line(args.target);
  },
});
