import { startProgram } from './program.ts';
import type { ProgramEnd } from './program.ts';
import { CommandError } from './run.ts';

export interface OutputOptions {
  /** The program is killed when it takes longer. */
  timeoutMs: number;
  signal: AbortSignal;
}

const MAX_STDERR_BYTES = 4096;

/**
 * What a program of the host prints, as it prints it. It is killed when the reader stops before the end, and a program
 * that fails ends the output with an error: half of it is never taken for the whole.
 */
export async function* outputOf(
  argv: readonly [string, ...string[]],
  { timeoutMs, signal }: OutputOptions,
): AsyncGenerator<Buffer, void> {
  signal.throwIfAborted();
  const program = startProgram(argv, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
  let stderr = '';
  program.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < MAX_STDERR_BYTES) stderr += chunk.toString('utf8');
  });
  try {
    for await (const chunk of program.stdout) yield Buffer.from(chunk);
    await requireSuccess(argv, program.ended, () => stderr);
  } finally {
    program.kill();
    // The end is told after what nobody reads any more.
    program.stdout.destroy();
    await program.ended.catch(() => {});
    program.hangUp();
  }
}

async function requireSuccess(
  argv: readonly string[],
  ended: Promise<ProgramEnd>,
  stderr: () => string,
): Promise<void> {
  const end = await ended.catch((error: Error) => error);
  if (end instanceof Error) throw new CommandError(argv, null, end.message, stderr());
  if (end.code === 0) return;
  const outcome = end.code === undefined ? `ended by ${end.signal}` : `exit code ${end.code}`;
  throw new CommandError(argv, end.code ?? null, outcome, stderr());
}
