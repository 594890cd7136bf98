import { ApiError, defaultImage } from '@atoll/protocol';
import type { NamedManifest } from '../image/image-store.ts';
import type { ReadySnapshot } from '../snapshot/snapshots.ts';
import type { ResourceLimits } from '../runtime/driver.ts';
import { usualLimits } from './admission.ts';
import type { SandboxContext } from './context.ts';
import { requireForRecipes } from './runtime-needs.ts';
import type { SandboxRequest } from './request.ts';

/** What a sandbox starts from, and the request with what it takes over from there. */
export interface Origin {
  image?: NamedManifest;
  /** The name of an image that has to be built first; then there is no `image` yet. */
  unbuilt?: string;
  request: SandboxRequest;
  snapshotId?: string;
  /** What it goes on from, with its processes. */
  memory?: NonNullable<ReadySnapshot['memory']>;
}

/** Finds the image or the snapshot that a create asks for. Throws where there is none, or not yet. */
export function resolveOrigin(
  context: Pick<SandboxContext, 'images' | 'snapshots' | 'secrets' | 'driver'>,
  workspaceId: string,
  request: SandboxRequest,
): Origin {
  if (request.snapshotId === undefined) return imageOrigin(context, workspaceId, request);
  if (request.image !== undefined)
    throw new ApiError('invalid_request', 'a sandbox starts from an image or from a snapshot', {
      hint: 'Leave image out: a snapshot has that of its sandbox.',
    });
  const snapshot = context.snapshots.findReady(workspaceId, request.snapshotId, request.snapshotPart);
  const { memory, limits } = snapshot;
  if (memory) requireSame(request, snapshot);
  const inherited = inherit(context, request, snapshot);
  return {
    image: {
      ...context.images.resolveManifest(snapshot.manifestDigest),
      canonicalName: snapshot.baseImage,
    },
    request: memory ? { ...inherited, limits } : inherited,
    snapshotId: snapshot.id,
    ...(memory && { memory }),
  };
}

/**
 * Memory fixes what it was taken with. The usual size stands for none: clients send it with every create that names no
 * other (tensorlake wire 1.5).
 */
function requireSame({ limits, entrypoint }: SandboxRequest, snapshot: ReadySnapshot): void {
  const what = `the memory in snapshot ${snapshot.id}`;
  const hint = 'Leave it out, or start from the files alone: `atoll sbx create --snapshot ID --files-only`.';
  const sizes = ['cpus', 'memoryMb', 'diskMb'] as const;
  const isOther = (than: ResourceLimits): boolean =>
    sizes.some((size) => limits[size] !== undefined && limits[size] !== than[size]);
  if (isOther(snapshot.limits) && isOther(usualLimits)) {
    const { cpus, memoryMb, diskMb } = snapshot.limits;
    const size = `${cpus} CPUs, ${memoryMb} MB of memory and ${diskMb} MB of disk`;
    throw new ApiError('invalid_resources', `${what} has ${size}, and no other size`, { hint });
  }
  if (entrypoint !== undefined && entrypoint.join('\0') !== snapshot.entrypoint?.join('\0'))
    throw new ApiError('invalid_request', `${what} runs already, so it takes no other entrypoint`, { hint });
}

function imageOrigin(
  { images, driver }: Pick<SandboxContext, 'images' | 'driver'>,
  workspaceId: string,
  request: SandboxRequest,
): Origin {
  const name = request.image ?? defaultImage;
  const unbuilt = images.findUnbuilt(workspaceId, name);
  if (unbuilt === undefined) {
    const image = images.resolve(workspaceId, name);
    const limits = { ...(image.diskMb !== undefined && { diskMb: image.diskMb }), ...request.limits };
    return { image, request: { ...request, limits } };
  }
  requireForRecipes(driver, unbuilt);
  return { unbuilt, request };
}

/** What the request names comes first. Secrets that were removed since are no reason to refuse it. */
function inherit(
  { secrets }: Pick<SandboxContext, 'secrets'>,
  request: SandboxRequest,
  snapshot: ReadySnapshot,
): SandboxRequest {
  const secretNames =
    request.secretNames ??
    (snapshot.secretNames && secrets.existing(snapshot.workspaceId, snapshot.secretNames));
  const entrypoint = request.entrypoint ?? snapshot.entrypoint;
  return {
    ...request,
    limits: { ...snapshot.limits, ...request.limits },
    ...(secretNames && { secretNames }),
    ...(entrypoint && { entrypoint }),
  };
}
