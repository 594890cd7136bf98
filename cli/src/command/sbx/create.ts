import { SandboxClient } from '@atoll/sdk';
import type { CreateSandboxOptions, CreateSandboxResponse } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../failure.ts';
import { fileSystemOptions } from '../../option/file-system.ts';
import { networkOptions, toNetworkFields } from '../../option/network.ts';
import { onCrashOption } from '../../option/on-crash.ts';
import { resourceOptions } from '../../option/resource.ts';
import { createTiming } from '../../output/timing.ts';
import { flag, integer, list, optional, text, value } from '../../parameter.ts';

export const create = command({
  name: 'create',
  aliases: ['new'],
  summary: 'create a sandbox and print its id',
  examples: ['sbx create', 'sbx create my-env -c 2 -m 2048 -t 600', 'sbx create -N -e sleep -e 300'],
  args: { name: optional('name', 'a named sandbox can be suspended and resumed') },
  options: {
    ...resourceOptions,
    timeout: value(
      '-t, --timeout <seconds>',
      'end it after this long without a request; 0: never',
      integer(0),
    ),
    entrypoint: list('-e, --entrypoint <word>', 'command that runs from the start, word by word', text),
    snapshot: value('-s, --snapshot <id>', 'start from this snapshot', text),
    onCrash: onCrashOption,
    filesOnly: flag('--files-only', 'of a memory snapshot, start from the files alone'),
    noWait: flag('-n, --no-wait', 'do not wait until it runs'),
    timing: flag('--timing', 'tell where the time went'),
    secret: list('--secret <name>', 'put this secret into its environment', text),
    ...fileSystemOptions,
    ...networkOptions,
  },
  failure: 'create sandbox',
  run: async ({ args, options, context }) => {
    const wanted: CreateSandboxOptions = {
      ...(args.name !== undefined && { name: args.name }),
      ...toResourceFields(options),
      ...(options.timeout !== undefined && { timeoutSecs: options.timeout }),
      ...(options.entrypoint.length > 0 && { entrypoint: options.entrypoint }),
      ...(options.snapshot !== undefined && { snapshotId: options.snapshot }),
      ...(options.onCrash !== undefined && { onCrash: options.onCrash }),
      ...(options.filesOnly && { snapshotType: 'filesystem' }),
      ...(options.secret.length > 0 && { secretNames: options.secret }),
      ...(options.filesystem.length > 0 && { fileSystems: options.filesystem }),
      ...toNetworkFields(options),
    };
    const timing = options.timing ? createTiming() : undefined;
    const sandboxes = timing
      ? new SandboxClient({ ...context.clientOptions, onRequest: timing.onRequest })
      : context.sandboxes;
    const created = options.noWait
      ? await sandboxes.create(wanted)
      : await createRunning(
          { ...context, sandboxes },
          wanted,
          `Creating sandbox with ${describeImage(options.image)}`,
        );
    const { output } = context;
    await output.result(created, () => created.sandboxId);
    if (timing) output.note(timing.report());
    if (output.isTerminal && !output.json && !options.noWait) output.note(tips(created.sandboxId));
  },
});

/** Creates with progress where somebody sees it, and waits until it runs. */
async function createRunning(
  context: Context,
  wanted: CreateSandboxOptions,
  progress: string,
): Promise<CreateSandboxResponse> {
  // Not aborted: a create in flight could leave a sandbox that nobody knows of.
  const work = () => context.sandboxes.createAndConnect(wanted);
  const sandbox = await (context.output.isProgressSeen ? context.output.progress(progress, work) : work());
  if (context.signal.aborted) {
    await sandbox.terminate();
    throw new CliError('interrupted');
  }
  const { sandboxId, name } = sandbox;
  return { sandboxId, status: 'running', ...(name !== null && { name }) };
}

export const describeImage = (image: string | undefined): string =>
  image === undefined ? 'default image' : `image ${image}`;

interface ResourceFlags {
  image: string | undefined;
  cpus: number | undefined;
  memory: number | undefined;
  disk: number | undefined;
}

/** As fields of a create. */
export const toResourceFields = ({ image, cpus, memory, disk }: ResourceFlags): CreateSandboxOptions => ({
  ...(image !== undefined && { image }),
  ...(cpus !== undefined && { cpus }),
  ...(memory !== undefined && { memoryMb: memory }),
  ...(disk !== undefined && { diskMb: disk }),
});

const tips = (id: string) =>
  [
    `Sandbox ${id} is ready.`,
    `  run a command: sbx exec ${id} -- COMMAND`,
    `  copy a file:   sbx cp FILE ${id}:/workspace/`,
    `  end it:        sbx terminate ${id}`,
  ].join('\n');
