import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import type { Directory } from './directory.ts';

/** What one sandbox uses now. */
export interface Usage {
  id: string;
  cpuMs: number;
  memoryBytes: number;
  idleSince?: number;
}

/** Reads what the running sandboxes of a workspace use. One that ends meanwhile is left out. */
export function createUsage(
  { driver, activity }: Pick<SandboxContext, 'driver' | 'activity'>,
  directory: Pick<Directory, 'list'>,
) {
  const usageOf = async ({ id, slotId }: SandboxRecord): Promise<Usage[]> => {
    const stats = slotId === undefined ? undefined : await driver.stats(slotId).catch(() => undefined);
    if (stats === undefined) return [];
    const idleSince = activity.idleSince(id);
    const { cpuUsageMs: cpuMs, memoryBytes } = stats;
    return [{ id, cpuMs, memoryBytes, ...(idleSince !== undefined && { idleSince }) }];
  };
  return async (workspaceId: string): Promise<Usage[]> => {
    const records = directory.list(workspaceId, { filter: { states: ['running'] } });
    return (await Promise.all(records.map(usageOf))).flat();
  };
}
