/** How the server and its machine stand: for its operator alone. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Server';

const room = z.object({
  totalMb: z.number(),
  availableMb: z.number(),
  /** Nothing new is admitted while less than this is available. */
  reservedMb: z.number(),
});
export type ServerRoom = z.output<typeof room>;

export const serverStatus = z.object({
  /** When it was read, as epoch milliseconds. */
  at: z.number(),
  startedAt: z.number(),
  versions: z.object({ server: z.string(), node: z.string(), kernel: z.string() }),
  runtime: z.string(),
  cpus: z.number(),
  /** The machine's, over the last minute. */
  load: z.number(),
  memory: room,
  /** Of the data directory. */
  disk: room,
  /** What the server's own process holds. */
  serverMemoryBytes: z.number(),
  /** Living sandboxes of all workspaces by their state. */
  sandboxes: z.record(z.string(), z.number()),
  /** Made ahead of time, so that a sandbox starts at once. */
  readySlots: z.number(),
  /** Creates that wait for their turn to start. */
  waitingStarts: z.number(),
  /** Builds that have not ended by their status. */
  builds: z.record(z.string(), z.number()),
});
export type ServerStatus = z.output<typeof serverStatus>;

export const serverCheck = z.object({
  id: z.string(),
  title: z.string(),
  /** `warn`: something is worse than it could be. `fail`: sandboxes will not start. */
  status: z.enum(['ok', 'warn', 'fail']),
  detail: z.string(),
  /** What to do next; always there unless the status is `ok`. */
  fix: z.string().optional(),
});
export type ServerCheck = z.output<typeof serverCheck>;

export const streamServerStatus = defineRoute({
  id: 'streamServerStatus',
  method: 'GET',
  paths: ['/v1/server/status'],
  summary:
    'Versions, queues, slots, memory and disk of the server, every two seconds as server-sent events (operator only)',
  tag,
  access: 'admin',
  responseKind: 'stream',
  status: 200,
  errors: [],
});

export const checkServer = defineRoute({
  id: 'checkServer',
  method: 'GET',
  paths: ['/v1/server/checks'],
  summary: "What `atoll doctor` says of the server's machine, checked now (operator only)",
  tag,
  access: 'admin',
  response: z.object({ at: z.number(), checks: z.array(serverCheck) }),
  status: 200,
  errors: [],
});
export type ServerChecks = z.output<typeof checkServer.response>;
