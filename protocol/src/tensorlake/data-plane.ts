/**
 * What the agent in a sandbox answers (wire 2.1–2.4). The server does not parse these: it authenticates,
 * finds the sandbox and passes the bytes through. They are data here for the client and the documents.
 */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { managedProcess, supervision } from './managed-process.ts';

/** A name, `uid`, `uid:gid`, or numbers. `tl-user` where the image has none means the image's own user. */
const user = z.union([z.string(), z.object({ uid: z.number().int(), gid: z.number().int().optional() })]);

export const processBody = z.object({
  command: z.string(),
  args: z.array(z.string()).optional(),
  /** Added to the environment of the image. */
  env: z.record(z.string(), z.string()).optional(),
  working_dir: z.string().optional(),
  stdin_mode: z.enum(['closed', 'pipe']).optional(),
  stdout_mode: z.enum(['capture', 'discard']).optional(),
  stderr_mode: z.enum(['capture', 'discard']).optional(),
  user: user.optional(),
});
export type ProcessBody = z.output<typeof processBody>;

export const processInfo = z.object({
  handle: z.number().optional(),
  pid: z.number(),
  status: z.enum(['running', 'exited', 'signaled', 'oom_killed']),
  exit_code: z.number().nullable(),
  signal: z.number().nullable(),
  oom_killed: z.boolean(),
  stdin_writable: z.boolean(),
  command: z.string(),
  args: z.array(z.string()),
  started_at: z.number(),
  ended_at: z.number().nullable(),
  managed: managedProcess.optional(),
});
export type ProcessInfo = z.output<typeof processInfo>;

export const outputLines = z.object({ pid: z.number(), lines: z.array(z.string()), line_count: z.number() });

/** One event of a `run` or `follow` stream. Untagged: which fields are there says what it is. */
export const outputEvent = z.object({
  line: z.string(),
  timestamp: z.number(),
  stream: z.enum(['stdout', 'stderr']).optional(),
});
export const exitEvent = z.object({
  exit_code: z.number().optional(),
  signal: z.number().optional(),
  oom_killed: z.boolean().optional(),
});
export type OutputEvent = z.output<typeof outputEvent>;

export const directoryEntry = z.object({
  name: z.string(),
  is_dir: z.boolean(),
  size: z.number().nullable(),
  modified_at: z.number().nullable(),
});
export type DirectoryEntry = z.output<typeof directoryEntry>;

const processes = { tag: 'Processes', access: 'member' } as const;
const files = { tag: 'Files', access: 'member' } as const;
const pid = z.object({ pid: z.coerce.string() });
const path = z.object({ path: z.string() });
const stream = { responseKind: 'stream' } as const;
const gone = [
  'sandbox_not_found',
  'sandbox_ended',
  'sandbox_not_running',
  'connection_refused',
  'not_found',
] as const;

export const dataPlane = {
  agentHealth: defineRoute({
    ...processes,
    id: 'agentHealth',
    method: 'GET',
    paths: ['/api/v1/health'],
    summary: 'Whether the sandbox answers',
    response: z.object({ healthy: z.boolean() }),
    status: 200,
    errors: gone,
  }),
  agentInfo: defineRoute({
    ...processes,
    id: 'agentInfo',
    method: 'GET',
    paths: ['/api/v1/info'],
    summary: 'Version, uptime and process counts of the agent',
    response: z.object({
      version: z.string(),
      uptime_secs: z.number(),
      running_processes: z.number(),
      total_processes: z.number(),
    }),
    status: 200,
    errors: gone,
  }),
  runProcess: defineRoute({
    ...processes,
    ...stream,
    id: 'runProcess',
    method: 'POST',
    paths: ['/api/v1/processes/run'],
    summary:
      'Run a command to its end: server-sent events with its output and exit; ends with the connection',
    body: processBody.extend({ timeout: z.number().optional() }),
    status: 200,
    errors: gone,
  }),
  startProcess: defineRoute({
    ...processes,
    id: 'startProcess',
    method: 'POST',
    paths: ['/api/v1/processes'],
    summary:
      'Start a process in the background; with a name, a restart policy or a health check it is supervised',
    body: processBody.extend(supervision.shape),
    response: processInfo,
    status: 201,
    errors: gone,
  }),
  listProcesses: defineRoute({
    ...processes,
    id: 'listProcesses',
    method: 'GET',
    paths: ['/api/v1/processes'],
    summary: 'Processes that were started, ended ones included',
    response: z.object({ processes: z.array(processInfo) }),
    status: 200,
    errors: gone,
  }),
  getProcess: defineRoute({
    ...processes,
    id: 'getProcess',
    method: 'GET',
    paths: ['/api/v1/processes/{pid}'],
    summary: 'One process',
    params: pid,
    response: processInfo,
    status: 200,
    errors: gone,
  }),
  killProcess: defineRoute({
    ...processes,
    id: 'killProcess',
    method: 'DELETE',
    paths: ['/api/v1/processes/{pid}'],
    summary: 'SIGKILL a process and its group',
    params: pid,
    status: 204,
    errors: gone,
  }),
  restartProcess: defineRoute({
    ...processes,
    id: 'restartProcess',
    method: 'POST',
    paths: ['/api/v1/processes/{pid}/restart'],
    summary: 'Start a managed process again, ended or not',
    params: pid,
    response: processInfo,
    status: 200,
    errors: gone,
  }),
  signalProcess: defineRoute({
    ...processes,
    id: 'signalProcess',
    method: 'POST',
    paths: ['/api/v1/processes/{pid}/signal'],
    summary: 'Send a signal to a process and its group',
    params: pid,
    body: z.object({ signal: z.number().int() }),
    response: z.object({ success: z.boolean() }),
    status: 200,
    errors: gone,
  }),
  writeStdin: defineRoute({
    ...processes,
    ...stream,
    id: 'writeStdin',
    method: 'POST',
    paths: ['/api/v1/processes/{pid}/stdin'],
    summary: 'Write the raw body to standard input',
    params: pid,
    status: 204,
    errors: gone,
  }),
  closeStdin: defineRoute({
    ...processes,
    id: 'closeStdin',
    method: 'POST',
    paths: ['/api/v1/processes/{pid}/stdin/close'],
    summary: 'Close standard input',
    params: pid,
    status: 204,
    errors: gone,
  }),
  getOutput: defineRoute({
    ...processes,
    id: 'getOutput',
    method: 'GET',
    paths: ['/api/v1/processes/{pid}/{source}'],
    summary: 'Captured lines of `stdout`, `stderr`, or `output` (both, by time)',
    params: pid.extend({ source: z.enum(['stdout', 'stderr', 'output']) }),
    response: outputLines,
    status: 200,
    errors: gone,
  }),
  followOutput: defineRoute({
    ...processes,
    ...stream,
    id: 'followOutput',
    method: 'GET',
    paths: ['/api/v1/processes/{pid}/{source}/follow'],
    summary: 'Captured lines, then live ones, as server-sent events',
    params: pid.extend({ source: z.enum(['stdout', 'stderr', 'output']) }),
    status: 200,
    errors: gone,
  }),
  readFile: defineRoute({
    ...files,
    ...stream,
    id: 'readFile',
    method: 'GET',
    paths: ['/api/v1/files'],
    summary: 'The bytes of a file, or those that a `Range` header names',
    query: path,
    status: 200,
    errors: gone,
  }),
  writeFile: defineRoute({
    ...files,
    ...stream,
    id: 'writeFile',
    method: 'PUT',
    paths: ['/api/v1/files'],
    summary: 'Write the raw body to a file, atomically; parents are created',
    query: path,
    status: 204,
    errors: gone,
  }),
  deleteFile: defineRoute({
    ...files,
    id: 'deleteFile',
    method: 'DELETE',
    paths: ['/api/v1/files'],
    summary: 'Delete a file, or with `recursive` a directory and all that is in it',
    query: path.extend({ recursive: z.boolean().optional() }),
    status: 204,
    errors: gone,
  }),
  listDirectory: defineRoute({
    ...files,
    id: 'listDirectory',
    method: 'GET',
    paths: ['/api/v1/files/list'],
    summary: 'Entries of a directory, directories first',
    query: path,
    response: z.object({ path: z.string(), entries: z.array(directoryEntry) }),
    status: 200,
    errors: gone,
  }),
} as const;
