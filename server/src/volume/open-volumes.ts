import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Db } from '../store/db.ts';
import { createSandboxVolumes } from './sandbox-volumes.ts';
import type { SandboxVolumes } from './sandbox-volumes.ts';
import { createVolumeDisks } from './volume-disks.ts';
import { createVolumeRecords } from './volume-records.ts';
import type { VolumeLimits } from './volume-request.ts';
import { createVolumeTemplateRecords } from './volume-template-records.ts';
import { createVolumeTemplates } from './volume-templates.ts';
import type { VolumeTemplates, VolumeTemplatesOptions } from './volume-templates.ts';
import { createVolumes } from './volumes.ts';
import type { Volumes, VolumesOptions } from './volumes.ts';

export interface OpenVolumesOptions {
  db: Db;
  dataDir: string;
  runDir: string;
  limits: VolumeLimits;
  /** The name of a runtime that mounts none. */
  unsupportedBy?: string;
  checkHost: () => void;
  checkQuota: VolumesOptions['checkQuota'];
  unpack: VolumeTemplatesOptions['unpack'];
  clock: Clock;
  log: Log;
}

export interface OpenVolumes {
  volumes: Volumes;
  volumeTemplates: VolumeTemplates;
  sandboxVolumes: SandboxVolumes;
  /** What runs keeps its volumes mounted, for the next start. */
  close(): Promise<void>;
}

/** Opens the volumes of a data directory and ends what an earlier process left half done. */
export async function openVolumes(options: OpenVolumesOptions): Promise<OpenVolumes> {
  const { db, dataDir, runDir, log, unsupportedBy } = options;
  const disks = createVolumeDisks({ dataDir: join(dataDir, 'volume'), runDir: join(runDir, 'volume'), log });
  const records = createVolumeRecords(db);
  const volumes = createVolumes({ ...options, records, disks, flush: () => void db.flush() });
  const sandboxVolumes = createSandboxVolumes({ volumes, records, disks });
  const volumeTemplates = createVolumeTemplates({
    ...options,
    records: createVolumeTemplateRecords(db),
    volumes,
  });
  const opened = { volumes, volumeTemplates, sandboxVolumes };
  if (unsupportedBy !== undefined) return { ...opened, close: volumes.close };
  await volumes.reconcile();
  await disks.share();
  return {
    ...opened,
    close: async () => {
      await volumes.close();
      await disks.unshare();
    },
  };
}
