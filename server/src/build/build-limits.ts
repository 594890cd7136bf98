import { ApiError } from '@atoll/protocol';
import type { BuildRequest } from './build-request.ts';

/** What builds may take of the server. */
export interface BuildLimits {
  /** How many run at once; the others wait, workspaces taking turns. */
  maxRunning: number;
  /** Of one workspace, so that long builds of one never keep all others waiting. */
  maxRunningPerWorkspace: number;
  /** How many contexts are received and unpacked at once; each takes a disk, whatever its client's pace. */
  maxUnpacking: number;
  maxUnpackingPerWorkspace: number;
  /** Of a workspace without a quota of its own, those that wait included. */
  maxPerWorkspace: number;
  maxCpus: number;
  maxMemoryMb: number;
  maxDiskMb: number;
  /** How long a build waits for its context. */
  contextTimeoutMs: number;
  /** How long receiving a context may take. */
  uploadTimeoutMs: number;
  /** From when its turn has come; what a build waits for others is not its own. */
  timeoutMs: number;
  /** How long ended builds are remembered. */
  keepEndedMs: number;
}

export const usualLimits: BuildLimits = {
  maxRunning: 4,
  maxRunningPerWorkspace: 3,
  maxUnpacking: 8,
  maxUnpackingPerWorkspace: 4,
  maxPerWorkspace: 100,
  maxCpus: 64,
  maxMemoryMb: 256 * 1024,
  maxDiskMb: 1024 * 1024,
  contextTimeoutMs: 10 * 60_000,
  uploadTimeoutMs: 3_600_000,
  timeoutMs: 3_600_000,
  keepEndedMs: 30 * 24 * 3_600_000,
};

/** What a build gets that asks for nothing. */
export const usualSize = { cpus: 2, memoryMb: 4096, builderDiskMb: 20_480 };
const MIN_MEMORY_MB = 64;
const MIN_DISK_MB = 64;

/** What a build gets; refuses what no build can have. */
export function sizeOf(request: BuildRequest, limits: BuildLimits) {
  const size = {
    cpus: request.cpus ?? usualSize.cpus,
    memoryMb: request.memoryMb ?? usualSize.memoryMb,
    builderDiskMb: request.builderDiskMb ?? usualSize.builderDiskMb,
  };
  requireRange('cpus', size.cpus, 0.1, limits.maxCpus);
  requireRange('memoryMb', size.memoryMb, MIN_MEMORY_MB, limits.maxMemoryMb);
  requireRange('builderDiskMb', size.builderDiskMb, MIN_DISK_MB, limits.maxDiskMb);
  return size;
}

function requireRange(field: string, value: number, least: number, most: number): void {
  if (value < least) throw new ApiError('invalid_resources', `${field} is ${value}; the least is ${least}`);
  if (value > most) throw new ApiError('limit_exceeded', `${field} is ${value}; this server allows ${most}`);
}

/** Keeps one workspace from filling the line. */
export function requireQuota(count: number, quota: number): void {
  if (count < quota) return;
  throw new ApiError(
    'quota_exceeded',
    `the workspace has ${count} builds that have not ended; its quota is ${quota}`,
    { hint: 'Wait for builds to end, cancel some, or have the operator raise the quota.' },
  );
}
