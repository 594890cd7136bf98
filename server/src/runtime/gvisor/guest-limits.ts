import type { CgroupLimits } from '../cgroup.ts';
import type { ResourceLimits } from '../driver.ts';

const MB = 1024 * 1024;
/** What gVisor itself needs beside the sandbox's memory. */
const MIN_OVERHEAD_MB = 128;

/** The sandbox tells its guest the limits that it finds at boot; until the agent runs, the host then waives the CPU's. */
export function guestLimits({ cpus, memoryMb }: ResourceLimits): CgroupLimits {
  return { cpus, memoryBytes: memoryMb * MB, maxPids: 2 * memoryMb + 512 };
}

/** The host charges the sandbox for the guest's memory and for what gVisor needs to hold it. */
export function hostMemoryBytes({ memoryMb }: ResourceLimits): number {
  return (memoryMb + Math.max(MIN_OVERHEAD_MB, Math.ceil(memoryMb / 2))) * MB;
}
