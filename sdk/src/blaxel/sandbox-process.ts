import { z } from 'zod';
import { SandboxError } from '../errors.ts';
import { readJsonLines } from '../json-lines.ts';
import type { SandboxAccess } from './sandbox-access.ts';
import { readTextLines } from './text-lines.ts';

/** What to run, in the words of the wire. */
export interface ProcessRequest {
  /** A line of shell. */
  command: string;
  /** By which it is found again; one that runs under the name is in the way. */
  name?: string;
  workingDir?: string;
  env?: Record<string, string>;
  waitForCompletion?: boolean;
  /** Seconds; for a wait, or with `keepAlive` for the process. */
  timeout?: number;
  /** Answers once the process listens on all of these. */
  waitForPorts?: number[];
  restartOnFailure?: boolean;
  maxRestarts?: number;
  /** Keeps the sandbox from standing by while it runs. */
  keepAlive?: boolean;
  /** Leaves its standard input open for `writeStdin`. */
  stdin?: boolean;
}

export interface LogListeners {
  onLog?: ((text: string) => void) | undefined;
  onStdout?: ((text: string) => void) | undefined;
  onStderr?: ((text: string) => void) | undefined;
}

const processInfo = z.looseObject({
  pid: z.coerce.string(),
  name: z.string(),
  command: z.string(),
  status: z.enum(['failed', 'killed', 'stopped', 'running', 'completed']),
  exitCode: z.number().nullish(),
  workingDir: z.string().nullish(),
  startedAt: z.string().nullish(),
  completedAt: z.string().nullish(),
  logs: z.string().nullish(),
  stdout: z.string().nullish(),
  stderr: z.string().nullish(),
});
/** A process of a sandbox. */
export type BlaxelProcess = z.output<typeof processInfo>;

const logLine = z.object({ type: z.string(), data: z.string() });
const allLogs = z.looseObject({ logs: z.string(), stdout: z.string(), stderr: z.string() });

/** Processes of a sandbox. They are addressed by pid or by name, of which the newest counts. */
export class SandboxProcess {
  readonly #access: SandboxAccess;

  constructor(access: SandboxAccess) {
    this.#access = access;
  }

  /** Runs a command. With listeners its output is told as it comes; with `waitForCompletion` it is awaited. */
  async exec(request: ProcessRequest & LogListeners): Promise<BlaxelProcess> {
    const { onLog, onStdout, onStderr, ...body } = request;
    const listeners = { onLog, onStdout, onStderr };
    const isFollowed = Object.values(listeners).some((listener) => listener !== undefined);
    if (isFollowed && body.waitForCompletion) return this.#execStreaming(body, listeners);
    const response = await this.#access({ method: 'POST', path: '/process', body });
    const started = processInfo.parse(await response.json());
    // The output goes on beside the caller; that it breaks off is told by the process, not here.
    if (isFollowed) void this.streamLogs(started.pid, listeners).catch(() => {});
    return started;
  }

  /** All of them, with the end of their output. */
  async list(): Promise<BlaxelProcess[]> {
    return z.array(processInfo).parse(await (await this.#access({ path: '/process' })).json());
  }

  /** One of them. */
  async get(id: string): Promise<BlaxelProcess> {
    return processInfo.parse(await (await this.#access({ path: pathOf(id) })).json());
  }

  /** What it has written until now. */
  async logs(id: string, type: 'stdout' | 'stderr' | 'all' = 'all'): Promise<string> {
    const logs = allLogs.parse(await (await this.#access({ path: `${pathOf(id)}/logs` })).json());
    return type === 'all' ? logs.logs : logs[type];
  }

  /** What it has written and goes on to write, to its end. */
  async streamLogs(
    id: string,
    { onLog, onStdout, onStderr }: LogListeners,
    signal?: AbortSignal,
  ): Promise<void> {
    const response = await this.#access({ path: `${pathOf(id)}/logs/stream`, signal });
    for await (const line of readTextLines(response)) {
      const [, stream, text = ''] = /^(stdout|stderr):([^]*)$/.exec(line) ?? [];
      if (stream === undefined) continue;
      onLog?.(text);
      (stream === 'stdout' ? onStdout : onStderr)?.(text);
    }
  }

  /** Waits until it has ended; asks every `interval` ms for at most `maxWait` ms. */
  async wait(id: string, { maxWait = 60_000, interval = 1000 } = {}): Promise<BlaxelProcess> {
    const deadline = Date.now() + maxWait;
    for (;;) {
      const found = await this.get(id);
      if (found.status !== 'running') return found;
      if (Date.now() >= deadline) throw new SandboxError(`process ${id} did not end within ${maxWait} ms`);
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }

  /** Asks it to end (SIGTERM). */
  async stop(id: string): Promise<void> {
    await (await this.#access({ method: 'DELETE', path: pathOf(id) })).body?.cancel();
  }

  /** Ends it (SIGKILL). */
  async kill(id: string): Promise<void> {
    await (await this.#access({ method: 'DELETE', path: `${pathOf(id)}/kill` })).body?.cancel();
  }

  /** Writes to its standard input. */
  async writeStdin(id: string, data: string | Uint8Array): Promise<void> {
    const headers = { 'content-type': 'application/octet-stream' };
    const call = { method: 'POST', path: `${pathOf(id)}/stdin`, headers, body: data };
    await (await this.#access(call)).body?.cancel();
  }

  /** Ends its standard input. */
  async closeStdin(id: string): Promise<void> {
    await (await this.#access({ method: 'DELETE', path: `${pathOf(id)}/stdin` })).body?.cancel();
  }

  async #execStreaming(body: ProcessRequest, listeners: LogListeners): Promise<BlaxelProcess> {
    const headers = { accept: 'text/event-stream' };
    const response = await this.#access({ method: 'POST', path: '/process', headers, body });
    for await (const value of readJsonLines(response)) {
      const { type, data } = logLine.parse(value);
      if (type === 'result') return processInfo.parse(JSON.parse(data));
      if (type === 'error') throw new SandboxError(data);
      if (type !== 'stdout' && type !== 'stderr') continue;
      listeners.onLog?.(data);
      (type === 'stdout' ? listeners.onStdout : listeners.onStderr)?.(data);
    }
    throw new SandboxError('the output ended without a result');
  }
}

const pathOf = (id: string): string => `/process/${encodeURIComponent(id)}`;
