import { toBuild } from '../build/builds.ts';
import type { Builds } from '../build/builds.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Sandboxes } from '../sandbox/sandboxes.ts';
import type { Snapshots } from '../snapshot/snapshots.ts';
import type { EventViews } from './atoll/event-routes.ts';
import { toImageInfo } from './atoll/image-routes.ts';
import { toPoolInfo } from './tensorlake/pool-view.ts';
import type { SandboxView } from './tensorlake/sandbox-routes.ts';
import { toSnapshotInfo } from './tensorlake/snapshot-view.ts';

interface Parts {
  sandboxes: Sandboxes;
  snapshots: Snapshots;
  builds: Builds;
  images: ImageStore;
  showSandbox: SandboxView;
}

/** Events show things as the routes that get them do. */
export function createEventViews({ sandboxes, snapshots, builds, images, showSandbox }: Parts): EventViews {
  return {
    sandbox: (id, context) => showSandbox(sandboxes.get(context.caller.workspace.id, id), context),
    snapshot: (id, { caller: { workspace } }) =>
      toSnapshotInfo(snapshots.find(workspace.id, id), workspace.name),
    pool: (id, { caller: { workspace } }) => {
      const { pool, ...seen } = sandboxes.pools.get(workspace.id, id);
      return toPoolInfo(pool, workspace.name, seen);
    },
    build: (id, { caller }) => toBuild(builds.get(caller.workspace.id, id)),
    image: (name, { caller }) => toImageInfo(images.describe(caller.workspace.id, name)),
  };
}
