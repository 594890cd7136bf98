import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

const MAX_LINE_BYTES = 64 * 1024;
const MAX_STDERR_BYTES = 4 * 1024;
/** How long the output of a command that failed may stay open before it is reported without its end. */
const LAST_WORDS_MS = 200;

export interface AgentReadyOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Waits for the line `{"event":"ready","port":N}` that an agent prints once it listens. `child` is the agent or
 * a runtime command that hands its output on to the agent; such a command must end with 0 as well.
 * Then both pipes are closed: nothing that runs in a sandbox can fill memory or disk of the host through them.
 */
export function awaitAgentReady(child: ChildProcess, options: AgentReadyOptions): Promise<number> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new TypeError('the agent needs pipes for its output');
  const said = keepEnd(stderr);
  return new Promise<number>((resolve, reject) => {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const either = AbortSignal.any([options.signal, deadline]);
    const settle = (end: () => void): void => {
      either.removeEventListener('abort', onAbort);
      stdout.destroy();
      stderr.destroy();
      child.unref();
      end();
    };
    const fail = (what: string): void =>
      settle(() => reject(new Error(said() === '' ? what : `${what}: ${said()}`)));
    const onAbort = (): void => {
      if (options.signal.aborted) return settle(() => reject(options.signal.reason));
      fail(`no agent was ready after ${options.timeoutMs} ms`);
    };
    either.addEventListener('abort', onAbort);
    if (either.aborted) return onAbort();

    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => {
      if (code === 0) return;
      const late = setTimeout(() => fail(describeExit(child, code, signal)), LAST_WORDS_MS);
      child.once('close', () => (clearTimeout(late), fail(describeExit(child, code, signal))));
    });
    readLines(stdout, (line) => {
      const port = parseReady(line);
      if (port !== undefined) settle(() => resolve(port));
    });
    stdout.once('end', () => {
      // A command that failed closes its output as well and has the better story to tell.
      setTimeout(() => fail('the agent ended before it was ready'), LAST_WORDS_MS).unref();
    });
  });
}

function describeExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): string {
  return `${child.spawnfile} ended with ${code === null ? signal : `exit code ${code}`}`;
}

function parseReady(line: string): number | undefined {
  try {
    const message: unknown = JSON.parse(line);
    if (typeof message !== 'object' || message === null) return undefined;
    if (!('event' in message) || message.event !== 'ready') return undefined;
    return 'port' in message && typeof message.port === 'number' ? message.port : undefined;
  } catch {
    return undefined;
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = (lines.pop() ?? '').slice(-MAX_LINE_BYTES);
    for (const line of lines) onLine(line);
  });
  stream.on('error', () => {});
}

function keepEnd(stream: Readable): () => string {
  let end = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    end = `${end}${chunk}`.slice(-MAX_STDERR_BYTES);
  });
  stream.on('error', () => {});
  return () => end.trim();
}
