import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

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
export function run(argv: readonly string[], options: RunOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const [command, ...args] = argv;
    if (command === undefined) throw new TypeError('run needs a command');
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const flooded = new AbortController();
    const signals = [deadline, flooded.signal];
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: AbortSignal.any(options.signal === undefined ? signals : [...signals, options.signal]),
      killSignal: 'SIGKILL',
      ...(options.env && { env: { ...process.env, ...options.env } }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    const flood = (): void => flooded.abort();
    const stdout = collect(child.stdout, flood);
    const stderr = collect(child.stderr, flood);
    let spawnError: Error | undefined;
    child.once('error', (error) => {
      spawnError = error;
      if (child.pid === undefined) reject(new CommandError(argv, null, error.message, ''));
    });
    child.once('close', (code, signal) => {
      if (flooded.signal.aborted) {
        return reject(
          new CommandError(argv, code, `more than ${MAX_OUTPUT_BYTES} bytes of output`, stderr()),
        );
      }
      if (code === 0) return resolve({ stdout: stdout(), stderr: stderr() });
      reject(
        new CommandError(argv, code, describeEnd(code, signal, spawnError, deadline, options), stderr()),
      );
    });
    sendInput(child.stdin, options.input);
  });
}

/** A program that ends before it has read its input breaks the pipe; its exit status tells the story. */
function sendInput(stdin: Writable, input: string | undefined): void {
  stdin.on('error', () => {});
  stdin.end(input);
}

function describeEnd(
  code: number | null,
  signal: NodeJS.Signals | null,
  error: Error | undefined,
  deadline: AbortSignal,
  options: RunOptions,
): string {
  if (deadline.aborted) return `no end after ${options.timeoutMs} ms`;
  if (options.signal?.aborted) return 'aborted';
  if (error) return error.message;
  return code === null ? `killed by ${signal}` : `exit code ${code}`;
}

function collect(stream: Readable, onFlood: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    else onFlood();
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
