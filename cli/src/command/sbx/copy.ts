import type { CopySandboxResponse } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../failure.ts';
import { sandbox } from '../../option/sandbox.ts';
import { integer, value } from '../../parameter.ts';

const timeout = value('-t, --timeout <seconds>', 'how long the copies may take to run', integer(1));

export const copy = command({
  name: 'copy',
  summary: 'make live copies of a sandbox, with memory and processes, and print their ids',
  examples: ['sbx copy my-env', 'sbx copy my-env --times 5'],
  args: { sandbox },
  options: { times: value('-n, --times <count>', 'how many copies', integer(1)), timeout },
  failure: 'copy sandbox',
  run: ({ args, options: { times = 1, timeout: seconds }, context }) => {
    const copies = times === 1 ? '1 copy' : `${times} copies`;
    const progress = `Copying sandbox ${args.sandbox} into ${copies}`;
    return makeCopies(context, args.sandbox, { times, timeout: seconds, progress });
  },
});

export const clone = command({
  name: 'clone',
  summary: 'make one live copy of a sandbox and print its id',
  args: { sandbox },
  options: { timeout },
  failure: 'clone sandbox',
  run: ({ args, options, context }) =>
    makeCopies(context, args.sandbox, {
      times: 1,
      timeout: options.timeout,
      progress: `Cloning sandbox ${args.sandbox}`,
    }),
});

interface Wanted {
  times: number;
  timeout: number | undefined;
  progress: string;
}

/** Ids to standard output; fails unless all copies run. */
async function makeCopies(context: Context, source: string, wanted: Wanted): Promise<void> {
  const { output, sandboxes, signal } = context;
  const { times, timeout: seconds, progress } = wanted;
  const work = () =>
    sandboxes.copy(source, { times, signal, ...(seconds !== undefined && { requestTimeout: seconds }) });
  const made = await (output.isProgressSeen ? output.progress(progress, work) : work());
  const running = made.sandboxes.filter(isRunning);
  const ids = running.map(({ sandboxId }) => sandboxId);
  if (output.json || ids.length > 0) await output.result(made, () => ids.join('\n'));
  const failed = made.sandboxes.filter((one) => !isRunning(one));
  if (failed.length > 0) throw new CliError(describe(failed));
}

type Made = CopySandboxResponse['sandboxes'][number];

const isRunning = ({ status }: Made): boolean => status === 'running';

const describe = (failed: readonly Made[]): string =>
  failed
    .map(
      ({ sandboxId, status, reason }) => `${sandboxId} ${status}${reason === undefined ? '' : `: ${reason}`}`,
    )
    .join('; ');
