import { ApiError, quotaNames } from '@atoll/protocol';
import type { QuotaName, QuotaUse } from '@atoll/protocol';
import type { ResourceLimits } from '../runtime/driver.ts';
import type { Quotas, QuotaStore } from '../store/quota-store.ts';
import type { AdmissionSettings } from './admission.ts';

export interface QuotaContext {
  quotas: Pick<QuotaStore, 'of' | 'used'>;
}

type Sizes = Record<Exclude<QuotaName, 'builds'>, number>;

const names: Record<keyof Sizes, string> = {
  sandboxes: 'living sandboxes',
  cpus: 'CPUs',
  memoryMb: 'MB of memory',
  diskMb: 'MB of disk',
};

/**
 * Keeps one workspace from taking the places of all others. Whoever asks writes the record without waiting in between,
 * so of two creates at the limit the second one sees the first.
 */
export function checkQuota(
  context: QuotaContext,
  { maxLivingPerWorkspace }: AdmissionSettings,
  workspaceId: string,
  { limits: { cpus, memoryMb, diskMb }, times = 1 }: { limits: ResourceLimits; times?: number },
): void {
  const quotas = { sandboxes: maxLivingPerWorkspace, ...context.quotas.of(workspaceId) };
  const more = { sandboxes: times, cpus: times * cpus, memoryMb: times * memoryMb, diskMb: times * diskMb };
  const used = context.quotas.used(workspaceId);
  for (const name of ['sandboxes', 'cpus', 'memoryMb', 'diskMb'] as const)
    requireRoom(name, used[name], more[name], quotas[name]);
}

/** The same for file systems and their snapshots, which share the quota of disk with sandboxes. */
export function checkDiskQuota(quotas: QuotaContext['quotas'], workspaceId: string, moreMb: number): void {
  const { diskMb } = quotas.of(workspaceId);
  if (diskMb !== undefined) requireRoom('diskMb', quotas.used(workspaceId).diskMb, moreMb, diskMb);
}

/** Parts of CPUs add up to what is not quite their sum. */
const ROUNDING = 1e-6;

function requireRoom(name: keyof Sizes, used: number, more: number, limit = Infinity): void {
  if (used + more <= limit + ROUNDING) return;
  throw new ApiError(
    'quota_exceeded',
    `the workspace has ${round(used)} ${names[name]} and asks for ${round(more)} more; its quota is ${limit}`,
    {
      hint: 'Terminate sandboxes and delete file systems that you no longer use, or have the operator raise the quota.',
    },
  );
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** What a workspace uses of what it may use; without a limit, the host is the limit. */
export function quotaUse(store: QuotaStore, usual: Quotas, workspaceId: string): Record<QuotaName, QuotaUse> {
  const used = store.used(workspaceId);
  const own = store.of(workspaceId);
  const useOf = (name: QuotaName): QuotaUse => {
    const limit = own[name] ?? usual[name];
    return { used: round(used[name]), ...(limit !== undefined && { limit }), isOwn: own[name] !== undefined };
  };
  return Object.fromEntries(quotaNames.map((name) => [name, useOf(name)])) as Record<QuotaName, QuotaUse>;
}
