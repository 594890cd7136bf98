import { ApiError } from '@atoll/protocol';
import type { BuildResult } from '@atoll/protocol';
import type { Workshop } from '../image/workshop.ts';
import { machineArchitecture } from '../image/platform.ts';
import { configToOci } from './dockerfile/image-config.ts';
import type { ImageConfig } from './dockerfile/image-config.ts';
import type { BuildPlan } from './dockerfile/plan.ts';
import type { StageStart } from './stage-runner.ts';

/** How the image is to be called. */
export interface Naming {
  workspaceId: string;
  /** Absent: it is known by its id alone. */
  name?: { repository: string; tag: string; shown: string };
  /** Absent: as the name is already. */
  isPublic?: boolean | undefined;
  noReplace: boolean;
}

/** The config of an image with these files. */
export function imageConfigOf(
  config: ImageConfig,
  { files, history, created, hasWorkdir }: StageStart,
  plan: Pick<BuildPlan, 'sourceDateEpoch'> | { platform: undefined },
): object {
  const { WorkingDir, ...settings } = configToOci(config);
  const epoch = 'sourceDateEpoch' in plan ? plan.sourceDateEpoch : undefined;
  const moment = epoch === undefined ? created : new Date(epoch * 1000).toISOString();
  return {
    ...(moment !== undefined && { created: moment }),
    architecture: machineArchitecture,
    os: 'linux',
    // A directory that nobody has named is none: labels of the base may say where processes start.
    config: { ...settings, ...(hasWorkdir && WorkingDir !== undefined && { WorkingDir }) },
    rootfs: { type: 'layers', diff_ids: files.layers.map(({ diffId }) => diffId) },
    history,
  };
}

/** Refuses what cannot be named so, before any work is done and again when it is. */
export function verifyNaming(workshop: Workshop, { workspaceId, name, isPublic, noReplace }: Naming): void {
  if (name === undefined) return;
  const at = { workspaceId, repository: name.repository, tag: name.tag };
  workshop.verifyOwner({ ...at, isPublic });
  if (!noReplace || !workshop.isNamed(at)) return;
  throw new ApiError('conflict', `there is an image ${name.shown} already`, {
    hint: 'Choose another name, or build without --no-replace.',
  });
}

/** Gives the image its name. */
export function registerResult(
  workshop: Workshop,
  naming: Naming,
  digest: string,
  base: string,
): BuildResult {
  const { workspaceId, name, isPublic } = naming;
  verifyNaming(workshop, naming);
  const imageId =
    name === undefined
      ? workshop.registerUnnamed(workspaceId, { base }, digest)
      : workshop.register(
          { workspaceId, repository: name.repository, tag: name.tag, isPublic, base },
          digest,
        );
  workshop.unpackAhead(digest);
  return {
    imageId,
    ...(name && { name: name.shown }),
    digest,
    sizeBytes: workshop.sizeBytes(digest),
    layerCount: workshop.partsOf(digest).layers.length,
  };
}
