import type { RouteAnswer, dataPlane } from '@atoll/protocol';

/** What the agent in a sandbox says about itself. */
export interface DaemonInfo {
  version: string;
  uptimeSecs: number;
  runningProcesses: number;
  totalProcesses: number;
}

export const toDaemonInfo = (wire: RouteAnswer<typeof dataPlane.agentInfo>): DaemonInfo => ({
  version: wire.version,
  uptimeSecs: wire.uptime_secs,
  runningProcesses: wire.running_processes,
  totalProcesses: wire.total_processes,
});
