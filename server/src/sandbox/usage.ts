import { withoutUndefined } from '../lib/without-undefined.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import type { Directory } from './directory.ts';

/** What one sandbox uses now. */
export interface Usage {
  id: string;
  cpuMs: number;
  memoryBytes: number;
  diskBytes?: number;
  sentBytes?: number;
  receivedBytes?: number;
  idleSince?: number;
}

/** Reads what the running sandboxes of a workspace use. One that ends meanwhile is left out. */
export function createUsage(
  { driver, network, activity }: Pick<SandboxContext, 'driver' | 'network' | 'activity'>,
  directory: Pick<Directory, 'list'>,
) {
  const usageOf = async ({ id, slotId }: SandboxRecord): Promise<Usage[]> => {
    if (slotId === undefined) return [];
    const [stats, diskBytes, traffic] = await Promise.all([
      driver.stats(slotId).catch(() => undefined),
      driver.diskBytes(slotId).catch(() => undefined),
      network.traffic(slotId),
    ]);
    if (stats === undefined) return [];
    const { cpuUsageMs: cpuMs, memoryBytes } = stats;
    const rest = withoutUndefined({ diskBytes, idleSince: activity.idleSince(id) });
    return [{ id, cpuMs, memoryBytes, ...traffic, ...rest }];
  };
  return async (workspaceId: string): Promise<Usage[]> => {
    const records = directory.list(workspaceId, { filter: { states: ['running'] } });
    return (await Promise.all(records.map(usageOf))).flat();
  };
}
