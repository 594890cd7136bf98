import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { launch } from './launcher.ts';

export interface ProgramOptions {
  /** The whole environment; absent for this process's own. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** What is written to `stdin` comes to it; else there is nothing to read. */
  hasInput?: boolean;
  /** Outlives this process, in a session of its own. */
  isDetached?: boolean;
  /** Kills it. */
  signal?: AbortSignal;
}

/** How a program ended: by itself, or by a signal. */
export type ProgramEnd = { code: number; signal?: never } | { code?: never; signal: string };

/** A program of the host that runs. */
export interface Program {
  stdin: Writable;
  /** Both have to be read, or given up by `hangUp`: what is not read stops the program. */
  stdout: Readable;
  stderr: Readable;
  /** Rejects where it could not be started. What it has started may still have its output. */
  ended: Promise<ProgramEnd>;
  /** Whether `ended` is settled. */
  hasEnded(): boolean;
  kill(): void;
  /** Nobody reads what it says any more. What is not detached ends. */
  hangUp(): void;
}

/** Starts a program, by the launcher where this process has one. Arguments are never read by a shell. */
export function startProgram(argv: readonly string[], options: ProgramOptions = {}): Program {
  const program = launch(argv, options) ?? fork(argv, options);
  const { signal } = options;
  if (signal) endBy(signal, program);
  return program;
}

/** How long a program that is killed may take to end: one in a system call of a broken disk may never. */
const KILLED_WITHIN_MS = 10_000;

/** What it has started may have its output for ever, also after its own end: nobody waits for that. */
function endBy(signal: AbortSignal, { kill, ended, hangUp, stdout, stderr }: Program): void {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    kill();
    ended.then(hangUp, hangUp);
    timer = setTimeout(hangUp, KILLED_WITHIN_MS).unref();
  };
  const forget = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  };
  signal.addEventListener('abort', end, { once: true });
  const closed = [stdout, stderr].map((output) => new Promise((resolve) => output.once('close', resolve)));
  void Promise.allSettled([ended, ...closed]).then(forget);
  if (signal.aborted) end();
}

/** Good enough for a process with little memory, as a command line is. */
function fork(
  argv: readonly string[],
  { env, cwd, hasInput = false, isDetached = false }: ProgramOptions,
): Program {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: isDetached,
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
  });
  let hasEnded = false;
  const ended = new Promise<ProgramEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code === null ? { signal: String(signal) } : { code }));
  }).finally(() => (hasEnded = true));
  ended.catch(() => {}); // told to who waits for it
  child.stdin.on('error', () => {}); // a program that does not read tells why by its end
  if (!hasInput) child.stdin.end();
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    hasEnded: () => hasEnded,
    kill: () => void child.kill('SIGKILL'),
    hangUp: () => {
      if (!isDetached) child.kill('SIGKILL');
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
      child.unref();
    },
  };
}
