import type { Builds } from './build/builds.ts';
import type { ImageStore } from './image/image-store.ts';
import { systemClock } from './lib/clock.ts';
import { createDeclaredSandboxes } from './sandbox/declared-sandboxes.ts';
import { createDeclaredSnapshots } from './sandbox/declared-snapshots.ts';
import { createDeployedSandboxes } from './sandbox/deployed-sandboxes.ts';
import { createDeployments } from './sandbox/deployments.ts';
import { createSchedules } from './sandbox/schedules.ts';
import type { Sandboxes } from './sandbox/sandboxes.ts';
import type { SandboxEnvironments } from './secret/sandbox-environments.ts';
import type { Snapshots } from './snapshot/snapshots.ts';
import type { SandboxRecord } from './store/sandbox-store.ts';
import type { Start } from './start.ts';
import type { Db } from './store/db.ts';
import { createDeclarationStore } from './store/declaration-store.ts';
import { createDeploymentStore } from './store/deployment-store.ts';
import type { ScheduleStore } from './store/schedule-store.ts';
import { createSuccession } from './store/succession.ts';

interface DeclaredParts {
  builds: Builds;
  images: ImageStore;
  sandboxes: Sandboxes;
  snapshots: Snapshots;
  environments: SandboxEnvironments;
  scheduleStore: ScheduleStore;
  db: Db;
}

/** Sandboxes as resources that clients declare, and what is built for them first. */
export function openDeclared({ log, opened }: Start, parts: DeclaredParts) {
  const { builds, images, sandboxes, environments, db } = parts;
  const clock = systemClock;
  const declarations = createDeclarationStore(db);
  const onSucceeded = createSuccession(db);
  const declared = createDeclaredSandboxes({ sandboxes, declarations, environments, onSucceeded, clock });
  const store = createDeploymentStore(db);
  const deployments = createDeployments({ store, builds, images, declared, clock, log });
  deployments.open();
  opened.defer(() => deployments.close());
  const schedules = createSchedules({ store: parts.scheduleStore, sandboxes, clock, log });
  opened.defer(() => schedules.close());
  const declaredSnapshots = createDeclaredSnapshots({ snapshots: parts.snapshots, sandboxes, declared });
  const declaredOf = (record: SandboxRecord) => declared.find(record.workspaceId, record.id);
  return {
    schedules,
    declaredSnapshots,
    declaredOf,
    deployments,
    deployed: createDeployedSandboxes({ declared, deployments }),
  };
}
