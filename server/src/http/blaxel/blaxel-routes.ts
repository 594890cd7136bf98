import type { ImageStore } from '../../image/image-store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { DeployedSandboxes } from '../../sandbox/deployed-sandboxes.ts';
import type { Deployments } from '../../sandbox/deployments.ts';
import type { Previews, PreviewUrl } from '../../sandbox/previews.ts';
import type { Declared } from '../../sandbox/declared-sandboxes.ts';
import type { DeclaredSnapshots } from '../../sandbox/declared-snapshots.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import type { Schedules } from '../../sandbox/schedules.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { ImageShares } from '../../sharing/image-shares.ts';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import type { VolumeTemplates } from '../../volume/volume-templates.ts';
import type { Volumes } from '../../volume/volumes.ts';
import type { Binding } from '../bind.ts';
import { blaxelCredentialRoutes } from './credential-routes.ts';
import { blaxelImageRoutes } from './image-routes.ts';
import { blaxelImageShareRoutes } from './image-share-routes.ts';
import { blaxelDriveRoutes } from './drive-routes.ts';
import { createImageStatus } from './image-status.ts';
import { createImageView } from './image-view.ts';
import { blaxelPreviewRoutes } from './preview-routes.ts';
import { blaxelSandboxRoutes } from './sandbox-routes.ts';
import { blaxelUploadRoutes } from './upload-routes.ts';
import { blaxelScheduleRoutes } from './schedule-routes.ts';
import { blaxelSnapshotRoutes } from './snapshot-routes.ts';
import { blaxelUserRoutes } from './user-routes.ts';
import { blaxelVolumeTemplateRoutes } from './volume-template-routes.ts';
import { blaxelVolumeRoutes } from './volume-routes.ts';
import { blaxelWorkspaceRoutes } from './workspace-routes.ts';

export interface BlaxelRoutesOptions {
  sandboxes: Sandboxes;
  images: ImageStore;
  deployed: DeployedSandboxes;
  deployments: Deployments;
  previews: Previews;
  declaredSnapshots: DeclaredSnapshots;
  declaredOf: (record: SandboxRecord) => Declared | undefined;
  schedules: Schedules;
  volumes: Volumes;
  volumeTemplates: VolumeTemplates;
  previewUrl: PreviewUrl;
  clock: Clock;
  shares: ImageShares;
  tenancy: Tenancy;
  /** After how long without a request a sandbox stands by. */
  standbyAfterSecs: number;
}

/** The control plane of the Blaxel dialect, below `/v0`. */
export function blaxelRoutes(options: BlaxelRoutesOptions): Binding[] {
  const { sandboxes, images, shares, tenancy, deployed, deployments, clock, standbyAfterSecs } = options;
  const view = createImageView({ images, statusOf: createImageStatus(deployments) });
  return [
    ...blaxelSandboxRoutes({ deployed, clock, standbyAfterSecs }),
    ...blaxelUploadRoutes({ deployments, findImage: view.find }),
    ...blaxelPreviewRoutes(options),
    ...blaxelScheduleRoutes(options),
    ...blaxelSnapshotRoutes(options),
    ...blaxelVolumeRoutes(options),
    ...blaxelVolumeTemplateRoutes(options),
    ...blaxelDriveRoutes(options),
    ...blaxelImageRoutes({ images, view, shares, sandboxes }),
    ...blaxelImageShareRoutes({ shares, showImage: view.show }),
    ...blaxelWorkspaceRoutes(),
    ...blaxelCredentialRoutes(tenancy),
    ...blaxelUserRoutes(tenancy),
  ];
}
