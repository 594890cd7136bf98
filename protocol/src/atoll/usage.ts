/** What sandboxes use, as they use it: the server's own API. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

export const sandboxUsage = z.object({
  sandboxId: z.string(),
  /** Processor time since its slot was made, in milliseconds: the difference between two samples counts. */
  cpuMs: z.number(),
  /** Memory on the host, the runtime's own included. */
  memoryBytes: z.number(),
  /** What it has written takes on the host's disk, volumes aside; absent where that is not counted. */
  diskBytes: z.number().optional(),
  /**
   * All that it has sent since its slot was made, what it spoke with the server included; absent where sandboxes share
   * the host's network.
   */
  sentBytes: z.number().optional(),
  receivedBytes: z.number().optional(),
  /** Since when nobody uses it, as epoch milliseconds; absent while somebody does. */
  idleSince: z.number().optional(),
});
export type SandboxUsage = z.output<typeof sandboxUsage>;

export const usageSample = z.object({
  /** When it was taken, as epoch milliseconds. */
  at: z.number(),
  /** Those that run. */
  sandboxes: z.array(sandboxUsage),
});
export type UsageSample = z.output<typeof usageSample>;

export const streamUsage = defineRoute({
  id: 'streamUsage',
  method: 'GET',
  paths: ['/v1/usage'],
  summary: 'What the running sandboxes of the workspace use, every two seconds as server-sent events',
  tag: 'Events',
  access: 'viewer',
  responseKind: 'stream',
  status: 200,
  errors: [],
});
