import { basename } from 'node:path';
import { CommanderError } from 'commander';
import type { Runner } from './command.ts';
import { createContext } from './context.ts';
import { describeFailure, exitCodeOf, formatFailure } from './failure.ts';
import { readGlobalFlags } from './global-option.ts';
import { createOutput } from './output/output.ts';
import { withBlaxelEnvironment } from './blaxel/environment.ts';
import { createProgram } from './program.ts';

const { argv, env, stdin, stdout, stderr } = process;

const interrupt = new AbortController();
let interruptCode: number | undefined;

function stop(code: number): void {
  interruptCode ??= code;
  interrupt.abort(new Error('interrupted'));
}

// A reader that has enough, as `head` has, is no error; what was begun is still cleaned up.
for (const sink of [stdout, stderr]) {
  sink.on('error', (error: NodeJS.ErrnoException) => stop(error.code === 'EPIPE' ? 0 : 1));
}

const stopCodes = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof stopCodes;

function onSignal(name: StopSignal): void {
  // The second one does not wait for the clean-up of the first.
  if (interrupt.signal.aborted) process.exit(stopCodes[name]);
  stop(stopCodes[name]);
}

process.on('SIGINT', onSignal).on('SIGTERM', onSignal);

/** For a command that answers signals itself; one that has come already still stops it. */
function yieldSignals(): void {
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  interrupt.signal.throwIfAborted();
}

const programName = basename(env['ATOLL_PROGRAM'] || argv[1] || 'atoll', '.ts').replace(/^main$/, 'atoll');

const run: Runner = async (found, failure, work) => {
  const given = readGlobalFlags(found, env);
  const output = createOutput({ stdout, stderr, json: given.json, quiet: given.quiet });
  try {
    const flags = programName === 'bl' ? await withBlaxelEnvironment(given, env) : given;
    const context = createContext({ flags, output, env, stdin, signal: interrupt.signal, yieldSignals });
    process.exitCode = (await work(context)) ?? interruptCode ?? 0;
  } catch (error) {
    if (error instanceof CommanderError) throw error;
    process.exitCode = interruptCode ?? exitCodeOf(error);
    if (interruptCode === undefined) {
      await output.writeError(`${formatFailure(describeFailure(error, failure), given.json)}\n`);
    }
  }
};

const program = createProgram({
  name: programName,
  run,
  writeOut: (text) => void stdout.write(text),
  writeErr: (text) => void stderr.write(text),
});

try {
  await program.parseAsync(argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = exitCodeOf(error);
}
