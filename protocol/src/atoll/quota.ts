/** What a workspace may use at once: the server's own API. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Tenancy';

export const quotaNames = ['sandboxes', 'cpus', 'memoryMb', 'diskMb', 'builds'] as const;
export type QuotaName = (typeof quotaNames)[number];

const quotaUse = z.object({
  used: z.number(),
  /** Absent: the host is the limit. */
  limit: z.number().optional(),
  /** Whether the limit was set for this workspace, and is not that of every workspace. */
  isOwn: z.boolean(),
});
export type QuotaUse = z.output<typeof quotaUse>;

export const workspaceQuotas = z.object({
  workspace: z.string(),
  /** Living sandboxes, whether they run, sleep or wait for their start; warm ones of pools too. */
  sandboxes: quotaUse,
  /** Sums of what these sandboxes may use at most. */
  cpus: quotaUse,
  memoryMb: quotaUse,
  diskMb: quotaUse,
  /** Builds that have not ended. */
  builds: quotaUse,
});
export type WorkspaceQuotas = z.output<typeof workspaceQuotas>;

const MAX_COUNT = 1_000_000;
const MAX_SIZE_MB = 2 ** 40;
const count = z.int().min(0).max(MAX_COUNT).nullable().optional();
const sizeMb = z.int().min(0).max(MAX_SIZE_MB).nullable().optional();

export const quotaChange = z.object({
  sandboxes: count,
  cpus: z.number().min(0).max(MAX_COUNT).nullable().optional(),
  memoryMb: sizeMb,
  diskMb: sizeMb,
  builds: count,
});
export type QuotaChange = z.input<typeof quotaChange>;

const params = z.object({ id: z.string() });

export const getQuotas = defineRoute({
  id: 'getQuotas',
  method: 'GET',
  paths: ['/v1/workspaces/{id}/quotas'],
  summary: 'What a workspace uses of what it may use, by its id or name',
  tag,
  access: 'viewer',
  params,
  response: workspaceQuotas,
  status: 200,
  errors: ['not_found'],
});

export const changeQuotas = defineRoute({
  id: 'changeQuotas',
  method: 'PATCH',
  paths: ['/v1/workspaces/{id}/quotas'],
  summary:
    'Set what a workspace may use; null is what every workspace may, and what is left out stays (operator only)',
  tag,
  access: 'admin',
  params,
  body: quotaChange,
  response: workspaceQuotas,
  status: 200,
  errors: ['not_found', 'invalid_request'],
});
