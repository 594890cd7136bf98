import type { ImageStore } from '../../image/image-store.ts';
import type { Clock } from '../../lib/clock.ts';
import { createDeclaredSandboxes } from '../../sandbox/declared-sandboxes.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { SandboxEnvironments } from '../../secret/sandbox-environments.ts';
import type { ImageShares } from '../../sharing/image-shares.ts';
import type { Db } from '../../store/db.ts';
import { createDeclarationStore } from '../../store/declaration-store.ts';
import type { Binding } from '../bind.ts';
import { blaxelImageRoutes } from './image-routes.ts';
import { blaxelImageShareRoutes } from './image-share-routes.ts';
import { createImageView } from './image-view.ts';
import { blaxelSandboxRoutes } from './sandbox-routes.ts';
import { blaxelWorkspaceRoutes } from './workspace-routes.ts';

export interface BlaxelRoutesOptions {
  sandboxes: Sandboxes;
  images: ImageStore;
  environments: SandboxEnvironments;
  db: Db;
  clock: Clock;
  shares: ImageShares;
  /** After how long without a request a sandbox stands by. */
  standbyAfterSecs: number;
}

/** The control plane of the Blaxel dialect, below `/v0`. */
export function blaxelRoutes(options: BlaxelRoutesOptions): Binding[] {
  const { sandboxes, images, shares, environments, db, clock, standbyAfterSecs } = options;
  const view = createImageView({ images });
  const declarations = createDeclarationStore(db);
  const declared = createDeclaredSandboxes({ sandboxes, declarations, environments, clock });
  return [
    ...blaxelSandboxRoutes({ declared, clock, standbyAfterSecs }),
    ...blaxelImageRoutes({ images, view, shares, sandboxes }),
    ...blaxelImageShareRoutes({ shares, showImage: view.show }),
    ...blaxelWorkspaceRoutes(),
  ];
}
