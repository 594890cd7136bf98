import type { Readable } from 'node:stream';
import { startProgram } from './program.ts';
import type { ProgramEnd } from './program.ts';

export interface RunOptions {
  /** The command is killed when it takes longer. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Written to standard input, which is then closed. */
  input?: string;
  env?: Record<string, string>;
  cwd?: string;
}

export interface CommandResult {
  stdout: string;
  stderr: string;
}

/** A program of the host that failed: what was called, how it ended, and the end of what it said. */
export class CommandError extends Error {
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(argv: readonly string[], exitCode: number | null, outcome: string, stderr: string) {
    const said = stderr.trim().slice(-2000);
    super(`${argv.join(' ')}: ${outcome}${said === '' ? '' : `: ${said}`}`);
    this.name = 'CommandError';
    this.argv = argv;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * Runs a program of the host to its end, with a deadline and never through a shell. One that says more than 16 MiB is
 * killed: who reads half an answer takes it for a whole one.
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<CommandResult> {
  const { timeoutMs, input, env, cwd } = options;
  const given = options.signal ?? new AbortController().signal;
  const deadline = AbortSignal.timeout(timeoutMs);
  const flooded = new AbortController();
  if (given.aborted) throw new CommandError(argv, null, 'aborted', '');
  const program = startProgram(argv, {
    hasInput: input !== undefined,
    signal: AbortSignal.any([given, deadline, flooded.signal]),
    ...(env && { env: { ...process.env, ...env } }),
    ...(cwd !== undefined && { cwd }),
  });
  if (input !== undefined) program.stdin.end(input);
  const flood = (): void => flooded.abort();
  const [stdout, stderr, end] = await Promise.all([
    collect(program.stdout, flood),
    collect(program.stderr, flood),
    program.ended.catch((error: Error) => error),
  ]);
  const code = end instanceof Error ? undefined : end.code;
  const isWhole = program.stdout.readableEnded && program.stderr.readableEnded;
  if (code === 0 && isWhole && !flooded.signal.aborted) return { stdout, stderr };
  const outcome = flooded.signal.aborted
    ? `more than ${MAX_OUTPUT_BYTES} bytes of output`
    : describeEnd(end, { deadline, given, timeoutMs });
  throw new CommandError(argv, code ?? null, outcome, stderr);
}

interface Limits {
  deadline: AbortSignal;
  given: AbortSignal;
  timeoutMs: number;
}

function describeEnd(end: ProgramEnd | Error, { deadline, given, timeoutMs }: Limits): string {
  if (deadline.aborted) return `no end after ${timeoutMs} ms`;
  if (given.aborted) return 'aborted';
  if (end instanceof Error) return end.message;
  if (end.code === 0) return 'its output was cut';
  return end.code === undefined ? `killed by ${end.signal}` : `exit code ${end.code}`;
}

async function collect(stream: Readable, onFlood: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    else onFlood();
  });
  await new Promise((resolve) => stream.once('close', resolve));
  return Buffer.concat(chunks).toString('utf8');
}
