import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { jailCommand } from '../../lib/jail.ts';
import { outputOf } from '../../lib/output-of.ts';
import type { Cgroups } from '../cgroup.ts';
import type { UpperExport } from '../driver.ts';
import { requireKept } from '../disk.ts';
import type { NativeSlotPaths } from './native-path.ts';

const EXPORT_TIMEOUT_MS = 30 * 60_000;

/** DAC_READ_SEARCH opens what the sandbox has closed to all; SYS_ADMIN is what reading the overlay's marks takes. */
const capabilities = ['dac_read_search', 'sys_admin'];
const create = [
  'tar',
  '--create',
  '--file=-',
  '--directory=/target',
  '--format=posix',
  '--pax-option=delete=atime,delete=ctime',
  '--numeric-owner',
  '--sort=name',
  '--xattrs',
  '--xattrs-include=*',
  '--warning=no-file-ignored',
  '.',
];

const planSchema = z.object({ idMap: z.object({ hostId: z.int(), count: z.int() }).optional() });

interface Options {
  cgroups: Cgroups;
  paths: NativeSlotPaths;
  slotId: string;
}

/**
 * Reads the upper directory of a native sandbox, which stands still meanwhile, by a tar that sees nothing else. The
 * ids in it are those that the plan of the start names.
 */
export async function exportUpper<T>(
  { cgroups, paths, slotId }: Options,
  consume: (upper: UpperExport) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { idMap } = planSchema.parse(JSON.parse(await readFile(paths.plan, 'utf8')));
  const empty = join(paths.bundle, 'export');
  await mkdir(empty, { recursive: true });
  const wasFrozen = await cgroups.isFrozen(slotId);
  await cgroups.freeze(slotId);
  try {
    const target = join(paths.disk, 'upper');
    const command = jailCommand({ empty, target, access: 'ro', capabilities, argv: create });
    const tar = outputOf(command, { timeoutMs: EXPORT_TIMEOUT_MS, signal });
    const consumed = await consume({ tar, ...(idMap && { ids: idMap }) });
    await requireKept({ mountPoint: paths.disk });
    return consumed;
  } finally {
    if (!wasFrozen) await cgroups.thaw(slotId);
    await rmdir(empty);
  }
}
