import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from './config-error.ts';
import { createCgroups } from './runtime/cgroup.ts';
import type { Cgroups } from './runtime/cgroup.ts';
import type { CgroupLayout } from './runtime/cgroup-layout.ts';
import type { DataDir } from './store/data-dir.ts';

/**
 * The control groups of the server below the group that the operator names. Sandboxes that run below another one could
 * not be found again, and so never be ended: the last one is remembered, and left only when it is empty.
 */
export async function openCgroups(layout: CgroupLayout, dataDir: DataDir, parent: string): Promise<Cgroups> {
  const of = (base: string): Cgroups => createCgroups({ layout, instanceId: dataDir.instanceId, base });
  const file = join(dataDir.path, 'cgroup-parent');
  const last = await readFile(file, 'utf8').catch(() => '/');
  if (last !== parent && (await of(last).list()).length > 0) {
    throw new ConfigError(
      `sandboxes of this server run below the control group ${last}: ` +
        `start it with --cgroup-parent ${last} and end them before it moves to ${parent}`,
    );
  }
  if (last !== parent) await writeFile(file, parent);
  return of(parent);
}
