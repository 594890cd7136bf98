import { followSandboxLogs, getSandboxLogs, listLoggedProcesses, logEvent } from '@atoll/protocol';
import type { LogSignal } from '@atoll/protocol';
import { bodyChunks } from './body-chunks.ts';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { followEvents } from './follow-events.ts';
import type { Lifecycle } from './lifecycle.ts';
import { readEvents } from './server-sent-events.ts';
import { withoutUndefined } from './without-undefined.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** Standard output is `info`, standard error `error`; what the server remarks, such as lines that are missing, `warn`. */
export type LogLevel = (typeof levels)[number];

/** Which lines of a log are wanted. */
export interface LogFilter {
  levels?: readonly LogLevel[] | undefined;
  /** Ids from `listLogProcesses`. */
  processIds?: readonly string[] | undefined;
  /** Only lines with this text. */
  body?: string | undefined;
  /** Only lines from this time on. */
  since?: Date | undefined;
}

export interface GetSandboxLogsOptions extends LogFilter, WaitOptions {
  /** The first so many lines, at most 1,000. Without `head` and `tail` the first 100. */
  head?: number | undefined;
  /** The last so many lines, at most 1,000. */
  tail?: number | undefined;
  /** `nextToken` of the page before: later lines with `head`, earlier ones with `tail`. */
  nextToken?: string | undefined;
}

export interface FollowLogsOptions extends LogFilter, WaitOptions {
  /** The last so many lines that are there come first; absent: all. */
  tail?: number | undefined;
  /** Behind the entry with this `position`; then `tail` says nothing. */
  after?: number | undefined;
}

/** One line that a process of a sandbox printed, or a remark of the server. */
export interface LogEntry {
  at: Date;
  /** Names this line for ever. */
  uuid: string;
  level: LogLevel;
  stream: 'stdout' | 'stderr' | 'server';
  body: string;
  /** Whether the line was longer. */
  isCut: boolean;
  /** Absent in remarks of the server. */
  processId?: string;
  pid?: number;
  /** How many lines are missing before this remark's successor. */
  dropped?: number;
}

/** An entry of a followed log, with the place to go on behind. */
export interface FollowedLogEntry extends LogEntry {
  position: number;
}

/** A part of a log, oldest line first. */
export interface SandboxLogs {
  logs: LogEntry[];
  nextToken?: string;
}

/** A process of which lines are kept; what is not known of it is empty. */
export interface LoggedProcess {
  processId: string;
  pid?: number;
  command: string;
  managedId: string;
  managedName: string;
  firstSeen: Date;
  lastSeen: Date;
  logCount: number;
}

/** A part of what the processes of a sandbox printed. */
export async function readLogs(
  lifecycle: Lifecycle,
  id: string,
  options: GetSandboxLogsOptions,
): Promise<SandboxLogs> {
  const { head, tail, nextToken } = options;
  const query = withoutUndefined({ ...toQuery(options), head, tail, nextToken });
  const page = await lifecycle.one(getSandboxLogs, id, { query }, options);
  return { logs: page.logs.map(toEntry), ...withoutUndefined({ nextToken: page.nextToken }) };
}

/** The processes of a sandbox of which printed lines are kept. */
export async function listLogged(
  lifecycle: Lifecycle,
  id: string,
  options: WaitOptions,
): Promise<LoggedProcess[]> {
  const { processes } = await lifecycle.one(listLoggedProcesses, id, {}, options);
  return processes.map((found) => ({
    processId: found.processId,
    ...(found.processPid !== '' && { pid: Number(found.processPid) }),
    command: found.processCommand,
    managedId: found.processManagedId,
    managedName: found.processManagedName,
    firstSeen: toDate(found.firstSeen),
    lastSeen: toDate(found.lastSeen),
    logCount: found.logCount,
  }));
}

/** What the processes of a sandbox printed and print, until it ends. */
export async function* followLogs(
  connection: Connection,
  lifecycle: Lifecycle,
  id: string,
  options: FollowLogsOptions,
): AsyncGenerator<FollowedLogEntry> {
  const { signal, after } = options;
  const open = (seen: number | undefined) => followOnce(connection, lifecycle, id, options, seen);
  const isLast = ({ kind }: { kind: string }) => kind === 'end';
  for await (const event of followEvents({ open, after, isLast, what: 'the log', signal }))
    if (event.kind === 'line') yield { ...toEntry(event.line), position: event.id };
}

async function* followOnce(
  connection: Connection,
  lifecycle: Lifecycle,
  id: string,
  options: FollowLogsOptions,
  after: number | undefined,
) {
  const query = withoutUndefined({ ...toQuery(options), tail: options.tail, after });
  const input = { params: { ...(await lifecycle.namespace()), id }, query };
  const response = await (
    await connection.server()
  ).stream(followSandboxLogs, input, { signal: options.signal });
  for await (const { data } of readEvents(bodyChunks(response.body ?? new ReadableStream()))) {
    const event = logEvent.safeParse(JSON.parse(data));
    // Newer servers may tell more.
    if (event.success) yield event.data;
  }
}

const toQuery = ({ levels: wanted, processIds, body, since }: LogFilter) => ({
  level: wanted?.map((level) => levels.indexOf(level) + 1),
  processId: processIds && [...processIds],
  body,
  since: since?.getTime(),
});

const toDate = (ns: number): Date => new Date(Math.round(ns / 1_000_000));

function toEntry({ timestamp, uuid, level, body, resourceAttributes, logAttributes }: LogSignal): LogEntry {
  const told = new Map(resourceAttributes);
  const [processId, pid, dropped] = ['process.id', 'process.pid', 'log.dropped'].map((name) =>
    told.get(name),
  );
  const { stream, cut } = JSON.parse(logAttributes) as { stream: LogEntry['stream']; cut?: boolean }; // of our server
  return {
    at: toDate(timestamp),
    uuid,
    level: levels[level - 1] ?? 'info',
    stream,
    body,
    isCut: cut === true,
    ...(processId !== undefined && { processId }),
    ...(pid !== undefined && { pid: Number(pid) }),
    ...(dropped !== undefined && { dropped: Number(dropped) }),
  };
}
