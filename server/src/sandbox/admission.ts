import { statfsSync } from 'node:fs';
import { ApiError } from '@atoll/protocol';
import { availableMemoryMb } from '../lib/host-memory.ts';
import type { ResourceLimits } from '../runtime/driver.ts';

/** What one sandbox may ask for, and what the host keeps for itself. */
export interface AdmissionSettings {
  maxCpus: number;
  maxMemoryMb: number;
  maxDiskMb: number;
  /** How many sandboxes of a workspace without a quota of its own may live at once, those that wait for their start included. */
  maxLivingPerWorkspace: number;
  maxPoolsPerWorkspace: number;
  /** How many sandboxes the pools of one workspace may keep ready, all together. */
  maxWarmPerWorkspace: number;
  maxVolumeMb: number;
  maxVolumesPerWorkspace: number;
  maxVolumeSnapshotsPerWorkspace: number;
  /** Creates are refused while the host has less than this available. */
  reservedMemoryMb: number;
  reservedDiskMb: number;
}

export const defaultAdmission: AdmissionSettings = {
  maxCpus: 64,
  maxMemoryMb: 256 * 1024,
  maxDiskMb: 1024 * 1024,
  maxLivingPerWorkspace: 1000,
  maxPoolsPerWorkspace: 100,
  maxWarmPerWorkspace: 100,
  maxVolumeMb: 1024 * 1024,
  maxVolumesPerWorkspace: 1000,
  maxVolumeSnapshotsPerWorkspace: 1000,
  reservedMemoryMb: 512,
  reservedDiskMb: 1024,
};

/** The size of a create that names none (tensorlake wire 1.4). */
export const usualLimits: ResourceLimits = { cpus: 1, memoryMb: 1024, diskMb: 10_240 };

/** What of it is about volumes. */
export const volumeLimitsOf = (settings: AdmissionSettings) => ({
  maxSizeMb: settings.maxVolumeMb,
  maxVolumesPerWorkspace: settings.maxVolumesPerWorkspace,
  maxSnapshotsPerWorkspace: settings.maxVolumeSnapshotsPerWorkspace,
});

const MIN_CPUS = 0.1;
const MIN_MEMORY_MB = 64;
const MIN_DISK_MB = 16;

/** Fills in what was not asked for and refuses sizes that no sandbox can have. */
export function checkLimits(asked: Partial<ResourceLimits>, settings: AdmissionSettings): ResourceLimits {
  const limits = { ...usualLimits, ...asked };
  checkRange('cpus', limits.cpus, MIN_CPUS, settings.maxCpus);
  checkRange('memory_mb', limits.memoryMb, MIN_MEMORY_MB, settings.maxMemoryMb);
  checkRange('disk_mb', limits.diskMb, MIN_DISK_MB, settings.maxDiskMb);
  return limits;
}

function checkRange(field: string, value: number, min: number, max: number): void {
  if (!Number.isFinite(value) || value < min) {
    throw new ApiError('invalid_resources', `resources.${field} is ${value}; the least is ${min}`, {
      hint: `Ask for ${field} between ${min} and ${max}.`,
    });
  }
  if (value > max)
    throw new ApiError('limit_exceeded', `resources.${field} is ${value}; this server allows ${max}`);
}

/**
 * Limits are ceilings that overcommit the host, so nothing is reserved for a sandbox; a create is refused only
 * when the host itself is short.
 */
export function checkHost(dataDir: string, settings: AdmissionSettings): void {
  const memoryMb = availableMemoryMb();
  if (memoryMb < settings.reservedMemoryMb) {
    throw new ApiError(
      'host_out_of_memory',
      `the host has ${memoryMb} MB of memory left and keeps ${settings.reservedMemoryMb} MB`,
    );
  }
  checkDisk(dataDir, settings);
}

/** Refuses to write so much more where the host has little disk left, or would have then. */
export function checkDisk(dataDir: string, { reservedDiskMb }: AdmissionSettings, moreBytes = 0): void {
  const diskMb = Math.floor(freeDiskBytes(dataDir) / 2 ** 20);
  const moreMb = Math.ceil(moreBytes / 2 ** 20);
  if (diskMb - moreMb >= reservedDiskMb) return;
  const needed = moreMb > 0 ? `what is to be written takes about ${moreMb} MB; ` : '';
  throw new ApiError(
    'host_out_of_disk',
    `${needed}the data directory has ${diskMb} MB left and keeps ${reservedDiskMb} MB`,
  );
}

export function freeDiskBytes(dataDir: string): number {
  const { bavail, bsize } = statfsSync(dataDir);
  return bavail * bsize;
}

/** What goes on from a checkpoint begins with memory that is in use, so there has to be room for it. */
export function checkMemoryFor(bytes: number, { reservedMemoryMb }: AdmissionSettings): void {
  const neededMb = Math.ceil(bytes / 2 ** 20);
  const memoryMb = availableMemoryMb();
  if (memoryMb - neededMb >= reservedMemoryMb) return;
  throw new ApiError(
    'host_out_of_memory',
    `what is asked for would begin with ${neededMb} MB of memory; the host has ${memoryMb} MB left and keeps ${reservedMemoryMb} MB`,
    { hint: 'Ask for less at once, or terminate sandboxes.' },
  );
}
