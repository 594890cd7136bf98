import type {
  OutputEvent as WireOutputEvent,
  ProcessBody,
  ProcessInfo as WireProcessInfo,
} from '@atoll/protocol';
import { toHealthCheckBody, toManagedProcessInfo, toRestartBody } from './managed-process.ts';
import type { ManagedProcessInfo, Supervision } from './managed-process.ts';
import { withoutUndefined } from './without-undefined.ts';

/** How a process stands, as the API spells it. */
export const ProcessStatus = {
  RUNNING: 'running',
  EXITED: 'exited',
  SIGNALED: 'signaled',
  OOM_KILLED: 'oom_killed',
} as const;
export type ProcessStatus = (typeof ProcessStatus)[keyof typeof ProcessStatus];

/** `pipe` keeps standard input open for `writeStdin`. */
export const StdinMode = { CLOSED: 'closed', PIPE: 'pipe' } as const;
export type StdinMode = (typeof StdinMode)[keyof typeof StdinMode];

export const OutputMode = { CAPTURE: 'capture', DISCARD: 'discard' } as const;
export type OutputMode = (typeof OutputMode)[keyof typeof OutputMode];

/** A user name, `uid`, `uid:gid`, or the numbers. */
export type ProcessUser = string | { uid: number; gid?: number };

interface CommandOptions {
  /** Its arguments, as they are: no shell reads them. */
  args?: string[];
  /** Added to the environment of the sandbox. */
  env?: Record<string, string>;
  /** Absolute path. Default: the working directory of the image. */
  workingDir?: string;
  /** Default: the user of the image. */
  user?: ProcessUser;
}

/** A name, a restart policy or a health check makes it a managed process. */
export interface StartProcessOptions extends CommandOptions, Supervision {
  /** Default `closed`. */
  stdinMode?: StdinMode;
  /** Default `capture`. */
  stdoutMode?: OutputMode;
  /** Default `capture`. */
  stderrMode?: OutputMode;
}

export interface RunOptions extends CommandOptions {
  /** Seconds until the command is killed, fractions allowed. Default: never. */
  timeout?: number;
  /** The same as `timeout`. */
  timeoutSecs?: number;
  /** Ends the command: it is killed when its caller goes away. */
  signal?: AbortSignal;
}

/** A process that was started in a sandbox. */
export interface ProcessInfo {
  handle?: number;
  /** In the sandbox. */
  pid: number;
  /** Whether it runs, and how it ended. */
  status: ProcessStatus;
  /** Present once it has exited by itself. */
  exitCode?: number;
  /** Present once a signal ended it. */
  signal?: number;
  oomKilled: boolean;
  stdinWritable: boolean;
  /** The program that was started. */
  command: string;
  /** Its arguments. */
  args: string[];
  startedAt: Date;
  endedAt?: Date;
  /** Present for managed processes. */
  managed?: ManagedProcessInfo;
}

/** What a command that has ended leaves. */
export interface CommandResult {
  /** The exit code, or the negative number of the signal that ended it. */
  exitCode: number;
  /** Lines joined by newlines, without the last newline. */
  stdout: string;
  /** As `stdout`, of standard error. */
  stderr: string;
  /** Whether it was killed because memory was short. */
  oomKilled: boolean;
}

/** Captured lines of a process, without newlines. */
export interface OutputResponse {
  pid: number;
  lines: string[];
  lineCount: number;
}

/** One line of output, without its newline. */
export interface OutputEvent {
  /** Without its newline. */
  line: string;
  timestamp: Date;
  stream?: 'stdout' | 'stderr';
}

/** What happens while a command runs, in this order: one `started`, lines, one end. */
export type RunEvent =
  | { kind: 'started'; pid: number; startedAt: Date }
  | { kind: 'output'; stream: 'stdout' | 'stderr'; line: string; timestamp: Date }
  | { kind: 'exited'; exitCode: number }
  | { kind: 'signaled'; signal: number; oomKilled: boolean };

export function toProcessBody(command: string, options: StartProcessOptions & RunOptions) {
  return withoutUndefined({
    command,
    args: options.args,
    env: options.env,
    working_dir: options.workingDir,
    user: options.user as ProcessBody['user'], // an absent gid is absent in both
    stdin_mode: options.stdinMode,
    stdout_mode: options.stdoutMode,
    stderr_mode: options.stderrMode,
    timeout: options.timeout ?? options.timeoutSecs,
    name: options.name,
    restart: options.restart && toRestartBody(options.restart),
    health_check: options.healthCheck && toHealthCheckBody(options.healthCheck),
  });
}

export function toProcessInfo(wire: WireProcessInfo): ProcessInfo {
  return withoutUndefined({
    handle: wire.handle,
    pid: wire.pid,
    status: wire.status,
    exitCode: wire.exit_code ?? undefined,
    signal: wire.signal ?? undefined,
    oomKilled: wire.oom_killed,
    stdinWritable: wire.stdin_writable,
    command: wire.command,
    args: wire.args,
    startedAt: new Date(wire.started_at),
    endedAt: wire.ended_at === null ? undefined : new Date(wire.ended_at),
    managed: wire.managed && toManagedProcessInfo(wire.managed),
  });
}

export const toOutputEvent = (wire: WireOutputEvent): OutputEvent =>
  withoutUndefined({ line: wire.line, timestamp: new Date(wire.timestamp), stream: wire.stream });

/** The output of a command that ran to its end, and how it ended. */
export const toResult = (
  output: { stdout: string[]; stderr: string[] },
  exitCode: number,
  oomKilled: boolean,
) => ({
  exitCode,
  stdout: output.stdout.join('\n'),
  stderr: output.stderr.join('\n'),
  oomKilled,
});

/** The path of a process. */
export const pidParams = (process: number | string) => ({ params: { pid: String(process) } });

/** Both call forms: arguments as a list, or among the options. */
export const merge = <O extends { args?: string[] }>(argsOrOptions: string[] | O, more: O): O =>
  Array.isArray(argsOrOptions) ? { ...more, args: argsOrOptions } : argsOrOptions;
