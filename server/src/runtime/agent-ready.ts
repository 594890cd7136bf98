import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

const MAX_LINE_LENGTH = 64 * 1024;
const MAX_STDERR_LENGTH = 4 * 1024;
/** How long to wait, once something failed, for the output that says why. */
const LAST_WORDS_MS = 100;

export interface OutcomeOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Waits for a command that must end with exit code 0 but whose output may stay open in what it started.
 * Its standard error, if a pipe, is closed then.
 */
export async function awaitSuccess(child: ChildProcess, options: OutcomeOptions): Promise<void> {
  const said = keepEnd(child.stderr);
  try {
    await outcome(options, (resolve, reject) => onExit(child, said, resolve, reject));
  } finally {
    closePipes(child);
  }
}

/**
 * Waits for the line `{"event":"ready","port":N}` that an agent prints once it listens; answers the port.
 * With `handsOver`, `child` is a runtime command that leaves its output to the agent and must end with 0 as well.
 * Then the pipes are closed: what runs in a sandbox can fill neither memory nor disk of the host through them.
 */
export async function awaitAgentReady(
  child: ChildProcess,
  options: OutcomeOptions & { handsOver: boolean },
): Promise<number> {
  const said = keepEnd(child.stderr);
  try {
    return await outcome(options, (resolve, reject) => {
      let port: number | undefined;
      let isHandedOver = !options.handsOver;
      const check = (): void => {
        if (port !== undefined && isHandedOver) resolve(port);
      };
      onReady(child.stdout, (reported) => ((port = reported), check()));
      onExit(child, said, () => ((isHandedOver = options.handsOver), check()), reject);
      onEnd(child.stdout, () => {
        if (port === undefined) rejectLater(reject, 'the agent ended before it was ready', said);
      });
    });
  } finally {
    closePipes(child);
  }
}

type Resolve<T> = (value: T) => void;
type Reject = (error: unknown) => void;

function outcome<T>(
  { timeoutMs, signal }: OutcomeOptions,
  follow: (resolve: Resolve<T>, reject: Reject) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const timer = setTimeout(() => reject(new Error(`no answer after ${timeoutMs} ms`)), timeoutMs);
    const stop = (): void => (clearTimeout(timer), signal.removeEventListener('abort', onAbort));
    signal.addEventListener('abort', onAbort, { once: true });
    follow(
      (value) => (stop(), resolve(value)),
      (error) => (stop(), reject(error)),
    );
    if (signal.aborted) onAbort();
  });
}

function onExit(child: ChildProcess, said: () => string, onSuccess: Resolve<void>, reject: Reject): void {
  const report = (code: number | null, signal: NodeJS.Signals | null): void => {
    if (code === 0) return onSuccess();
    rejectLater(reject, `${child.spawnfile} ended with ${code ?? signal}`, said);
  };
  child.once('error', reject);
  if (child.exitCode !== null || child.signalCode !== null) return report(child.exitCode, child.signalCode);
  child.once('exit', report);
}

/** The text that explains a failure comes through another pipe than the news of it. */
function rejectLater(reject: Reject, what: string, said: () => string): void {
  setTimeout(() => reject(new Error(said() === '' ? what : `${what}: ${said()}`)), LAST_WORDS_MS);
}

function onReady(stdout: Readable | null, report: (port: number) => void): void {
  let rest = '';
  stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = (lines.pop() ?? '').slice(-MAX_LINE_LENGTH);
    for (const line of lines) {
      const port = parseReady(line);
      if (port !== undefined) report(port);
    }
  });
}

function parseReady(line: string): number | undefined {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof message !== 'object' || message === null || !('event' in message)) return undefined;
  if (message.event !== 'ready' || !('port' in message)) return undefined;
  return typeof message.port === 'number' ? message.port : undefined;
}

function onEnd(stdout: Readable | null, report: () => void): void {
  stdout?.once('end', report);
  stdout?.on('error', () => {});
}

function keepEnd(stream: Readable | null): () => string {
  let end = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    end = `${end}${chunk}`.slice(-MAX_STDERR_LENGTH);
  });
  stream?.on('error', () => {});
  return () => end.trim();
}

function closePipes(child: ChildProcess): void {
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
  child.unref();
}
