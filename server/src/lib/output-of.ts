import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < MAX_STDERR_BYTES) stderr += chunk.toString('utf8');
  });
  // Also rejects when the program cannot be started or is killed by the signal; looked at once the output has ended.
  const ended = once(child, 'close');
  ended.catch(() => {});
  try {
    for await (const chunk of child.stdout) yield Buffer.from(chunk);
    await requireSuccess(argv, ended, () => stderr);
  } finally {
    child.kill('SIGKILL');
    await ended.catch(() => {});
  }
}

async function requireSuccess(
  argv: readonly string[],
  ended: Promise<unknown[]>,
  stderr: () => string,
): Promise<void> {
  const [code, signal] = await ended.catch((error: Error) => [null, error.message]);
  if (code === 0) return;
  const outcome = typeof code === 'number' ? `exit code ${code}` : `ended by ${String(signal)}`;
  throw new CommandError(argv, typeof code === 'number' ? code : null, outcome, stderr());
}
