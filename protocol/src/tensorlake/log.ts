/** What the processes of a sandbox printed, kept beyond its end: the Tensorlake dialect (wire 1.4). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { lifecyclePaths } from './lifecycle-path.ts';

const tag = 'Logs';
const MAX_LINES = 1_000;

const params = z.object({ ns: z.string().optional(), id: z.string() });

/** A name that may be repeated. */
const listOf = <T extends z.ZodType>(one: T) =>
  z.union([z.array(one).max(64), one.transform((value) => [value])]).optional();

/** A place in a log: the number of a line, or what an earlier page says. */
const position = z.coerce.number().int().nonnegative();

/** Standard output has the level 3 (info), standard error 5 (error), and what the server remarks 4 (warn). */
const level = z.coerce.number().int().min(1).max(6);

export const logFilter = z.object({
  /** 1 trace, 2 debug, 3 info, 4 warn, 5 error, 6 fatal; repeatable. */
  level: listOf(level),
  /** Ids from the list of processes that printed; repeatable. */
  processId: listOf(z.string().max(64)),
  /** Only lines with this text. */
  body: z.string().max(1_000).optional(),
  /** Only lines from this time on, epoch milliseconds. */
  since: z.coerce.number().nonnegative().optional(),
});

/** One line of a log. */
export const logSignal = z.object({
  /** Epoch nanoseconds. */
  timestamp: z.number(),
  /** Of this line, always the same. */
  uuid: z.string(),
  namespace: z.string(),
  application: z.string(),
  sandboxId: z.string(),
  /** `process.id`, `process.pid`, and `log.dropped` where lines are missing. */
  resourceAttributes: z.array(z.tuple([z.string(), z.string()])),
  body: z.string(),
  /** A JSON object: `stream` is stdout, stderr or server; `cut` where the line was longer. */
  logAttributes: z.string(),
  level: z.number(),
});
export type LogSignal = z.output<typeof logSignal>;

export const getSandboxLogs = defineRoute({
  id: 'getSandboxLogs',
  method: 'GET',
  paths: lifecyclePaths('/sandboxes/{id}/logs'),
  summary:
    'What the processes of a sandbox printed, the first or the last lines, oldest first; ended ones by id',
  tag,
  access: 'member',
  params,
  query: logFilter.extend({
    /** The first lines; without `head` and `tail` the first 100. */
    head: z.coerce.number().int().min(1).max(MAX_LINES).optional(),
    /** The last lines. */
    tail: z.coerce.number().int().min(1).max(MAX_LINES).optional(),
    /** `nextToken` of the page before: later lines with `head`, earlier ones with `tail`. */
    nextToken: z
      .string()
      .regex(/^\d{1,15}$/)
      .optional(),
  }),
  response: z.object({ logs: z.array(logSignal), nextToken: z.string().optional() }),
  status: 200,
  errors: ['sandbox_not_found', 'invalid_request'],
});

/** A process of which lines are kept; what is not known of it is empty. */
export const loggedProcess = z.object({
  processId: z.string(),
  processPid: z.string(),
  processCommand: z.string(),
  processManagedId: z.string(),
  processManagedName: z.string(),
  /** Epoch nanoseconds. */
  firstSeen: z.number(),
  lastSeen: z.number(),
  logCount: z.number(),
});
export type LoggedProcess = z.output<typeof loggedProcess>;

export const listLoggedProcesses = defineRoute({
  id: 'listLoggedProcesses',
  method: 'GET',
  paths: lifecyclePaths('/sandboxes/{id}/processes'),
  summary: 'The processes of a sandbox of which printed lines are kept',
  tag,
  access: 'member',
  params,
  response: z.object({ processes: z.array(loggedProcess) }),
  status: 200,
  errors: ['sandbox_not_found'],
});

/** One event of a followed log. `id` is the place to go on behind; `end`: the sandbox has ended and all is told. */
export const logEvent = z.union([
  z.object({ id: z.number(), kind: z.literal('line'), line: logSignal }),
  z.object({ id: z.number(), kind: z.literal('end') }),
]);
export type LogEvent = z.output<typeof logEvent>;

export const followSandboxLogs = defineRoute({
  id: 'followSandboxLogs',
  method: 'GET',
  paths: lifecyclePaths('/sandboxes/{id}/logs/follow'),
  summary: 'What the processes of a sandbox printed and print, as server-sent events, until it ends',
  tag,
  access: 'member',
  params,
  query: logFilter.extend({
    /** Behind this event. The header `Last-Event-ID` says the same. */
    after: position.optional(),
    /** Without `after`: the last lines that are there, and then what comes; absent: all that are there. */
    tail: z.coerce.number().int().min(0).max(MAX_LINES).optional(),
  }),
  responseKind: 'stream',
  status: 200,
  errors: ['sandbox_not_found', 'invalid_request'],
});
