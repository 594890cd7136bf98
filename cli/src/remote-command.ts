import type { RunEvent, RunOptions, Sandbox } from '@atoll/sdk';
import type { Context } from './context.ts';

interface ProcessFlags {
  timeout: number | undefined;
  workdir: string | undefined;
  env: (readonly [string, string])[];
  user: string | undefined;
}

/** Runs a command in a sandbox with its output on ours, line by line; the result is our exit code. */
export async function runRemoteCommand(
  context: Context,
  sandbox: Sandbox,
  argv: readonly string[],
  flags: ProcessFlags,
): Promise<number> {
  const [command = '', ...args] = argv;
  const options = { ...toRunOptions(flags), ...(args.length > 0 && { args }), signal: context.signal };
  for await (const event of sandbox.runStream(command, options)) {
    await (context.output.json ? context.output.line(JSON.stringify(event)) : show(context, event));
    if (event.kind === 'exited') return event.exitCode;
    if (event.kind === 'signaled') return 128 + event.signal;
  }
  throw new Error('the command did not say how it ended');
}

async function show({ output }: Context, event: RunEvent): Promise<void> {
  if (event.kind === 'output' && event.stream === 'stderr') await output.writeError(`${event.line}\n`);
  if (event.kind === 'output' && event.stream === 'stdout') await output.write(`${event.line}\n`);
  if (event.kind === 'signaled' && event.oomKilled) output.note('The command was killed: out of memory.');
}

const toRunOptions = ({ timeout, workdir, env, user }: ProcessFlags): RunOptions => ({
  ...(timeout !== undefined && { timeout }),
  ...(workdir !== undefined && { workingDir: workdir }),
  ...(env.length > 0 && { env: Object.fromEntries(env) }),
  ...(user !== undefined && { user }),
});
