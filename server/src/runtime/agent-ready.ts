import type { Readable } from 'node:stream';
import type { Program, ProgramEnd } from '../lib/program.ts';

const MAX_LINE_LENGTH = 64 * 1024;
const MAX_STDERR_LENGTH = 4 * 1024;
/** How long to wait, once something failed, for the output that says why. */
const LAST_WORDS_MS = 100;

export interface OutcomeOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Waits for a command that must end with exit code 0 but whose output may stay open in what it started. It is hung up on
 * then, and killed where it fails or takes too long.
 */
export function awaitSuccess(command: Program, options: OutcomeOptions): Promise<void> {
  const said = keepEnd(command.stderr);
  command.stdout.resume();
  return settle(command, () => outcome(options, (resolve, reject) => onEnd(command, said, resolve, reject)));
}

/**
 * Waits for the line `{"event":"ready","port":N}` that an agent prints once it listens; answers the port.
 * With `handsOver`, `command` is one of a runtime that leaves its output to the agent and must end with 0 as well.
 * Then it is hung up on: what runs in a sandbox can fill neither memory nor disk of the host through its output.
 */
export function awaitAgentReady(
  command: Program,
  options: OutcomeOptions & { handsOver: boolean },
): Promise<number> {
  const said = keepEnd(command.stderr);
  const follow = (resolve: Resolve<number>, reject: Reject): void => {
    let port: number | undefined;
    let isHandedOver = !options.handsOver;
    const check = (): void => {
      if (port !== undefined && isHandedOver) resolve(port);
    };
    onReady(command.stdout, (reported) => ((port = reported), check()));
    onEnd(command, said, () => ((isHandedOver = options.handsOver), check()), reject);
    command.stdout.once('close', () => {
      if (port === undefined) rejectLater(reject, 'the agent ended before it was ready', said);
    });
    command.stdout.on('error', () => {});
  };
  return settle(command, () => outcome(options, follow));
}

async function settle<T>(command: Program, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    command.kill();
    throw error;
  } finally {
    command.hangUp();
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

function onEnd(command: Program, said: () => string, onSuccess: Resolve<void>, reject: Reject): void {
  const report = ({ code, signal }: ProgramEnd): void => {
    if (code === 0) return onSuccess();
    rejectLater(reject, `the command ended with ${signal ?? `exit code ${code}`}`, said);
  };
  command.ended.then(report, reject);
}

/** The text that explains a failure comes through another pipe than the news of it. */
function rejectLater(reject: Reject, what: string, said: () => string): void {
  setTimeout(() => reject(new Error(said() === '' ? what : `${what}: ${said()}`)), LAST_WORDS_MS);
}

function onReady(stdout: Readable, report: (port: number) => void): void {
  let rest = '';
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
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

function keepEnd(stream: Readable): () => string {
  let end = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    end = `${end}${chunk}`.slice(-MAX_STDERR_LENGTH);
  });
  stream.on('error', () => {});
  return () => end.trim();
}
