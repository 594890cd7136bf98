import { statfs } from 'node:fs/promises';
import { availableParallelism, loadavg, release, totalmem } from 'node:os';
import type { ServerStatus } from '@atoll/protocol';
import type { Builds } from './build/builds.ts';
import type { ServerConfig } from './config.ts';
import { createDoctorContext, doctorChecks, runChecks } from './doctor/doctor.ts';
import type { CheckReport } from './doctor/doctor.ts';
import { availableMemoryMb } from './lib/host-memory.ts';
import type { Sandboxes } from './sandbox/sandboxes.ts';
import { version } from './version.ts';

export interface ServerStatusOptions {
  config: Pick<ServerConfig, 'runtime' | 'dataDir' | 'admission'>;
  sandboxes: Pick<Sandboxes, 'countLive' | 'countReady' | 'countWaiting'>;
  builds: Pick<Builds, 'countUnsettledByStatus'>;
}

const MB = 2 ** 20;

/** Reads how the server and its machine stand now. */
export function createStatusReader({ config, sandboxes, builds }: ServerStatusOptions) {
  const startedAt = Date.now();
  const versions = { server: version, node: process.versions.node, kernel: release() };
  const { reservedMemoryMb, reservedDiskMb } = config.admission;
  return async (): Promise<ServerStatus> => {
    const { blocks, bavail, bsize } = await statfs(config.dataDir);
    const mbOf = (count: number): number => Math.floor((count * bsize) / MB);
    return {
      at: Date.now(),
      startedAt,
      versions,
      runtime: config.runtime,
      cpus: availableParallelism(),
      load: loadavg()[0] ?? 0,
      memory: {
        totalMb: Math.floor(totalmem() / MB),
        availableMb: availableMemoryMb(),
        reservedMb: reservedMemoryMb,
      },
      disk: { totalMb: mbOf(blocks), availableMb: mbOf(bavail), reservedMb: reservedDiskMb },
      serverMemoryBytes: process.memoryUsage.rss(),
      sandboxes: Object.fromEntries(sandboxes.countLive().map(({ state, count }) => [state, count])),
      readySlots: sandboxes.countReady(),
      waitingStarts: sandboxes.countWaiting(),
      builds: Object.fromEntries(builds.countUnsettledByStatus().map(({ status, count }) => [status, count])),
    };
  };
}

/** The server holds its port itself, so whether it is free says nothing. */
const checksOfRunning = doctorChecks.filter(({ id }) => id !== 'port');

/** What the doctor says of the machine of a server that runs. */
export const checkMachine = (
  { dataDir, cacheDir, host, port }: Pick<ServerConfig, 'dataDir' | 'cacheDir' | 'host' | 'port'>,
  signal: AbortSignal,
): Promise<CheckReport[]> => {
  const context = createDoctorContext({ dataDir, listen: { host, port }, signal });
  return runChecks({ ...context, cacheDir }, { checks: checksOfRunning });
};
