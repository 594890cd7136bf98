import { ApiError } from '@atoll/protocol';
import type { RuntimeDriver } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { VolumeMount } from '../store/volume-mount.ts';
import type { VolumeMountRequest } from '../volume/sandbox-volumes.ts';
import type { SandboxContext } from './context.ts';
import type { SandboxRequest } from './request.ts';

export function requireVolumes({ name, capabilities }: RuntimeDriver): void {
  if (capabilities.volumes) return;
  throw new ApiError('unsupported', `the runtime ${name} mounts no volumes`, {
    hint: 'Start the server with --runtime gvisor or native.',
  });
}

/** The volumes that a create asks for. A memory knows the mounts that it was taken with, and these were none. */
export function admitVolumes(
  { driver, volumes }: SandboxContext,
  workspaceId: string,
  { volumes: asked = [] }: Pick<SandboxRequest, 'volumes'>,
  hasMemory: boolean,
): VolumeMount[] {
  if (asked.length === 0) return [];
  requireVolumes(driver);
  if (hasMemory)
    throw new ApiError('unsupported', 'a sandbox that goes on from a memory snapshot cannot have volumes', {
      hint: 'Start from its files alone: snapshot_type "filesystem".',
    });
  return volumes.resolveAll(workspaceId, asked);
}

/**
 * The volumes of the sandboxes of a pool, by the ids that their names stand for now: a volume that later takes a name is
 * another one. There are several of these sandboxes at once, so they only read.
 */
export function admitPoolVolumes(
  context: SandboxContext,
  workspaceId: string,
  request: Pick<SandboxRequest, 'volumes'>,
): VolumeMountRequest[] | undefined {
  const written = request.volumes?.find(isWritten);
  if (written !== undefined)
    throw new ApiError(
      'unsupported',
      `the sandboxes of a pool cannot write volume ${written.volume}, which has one writer`,
      { hint: 'Let them read it (`read_only: true`), or create a sandbox of its own for who writes.' },
    );
  const mounts = admitVolumes(context, workspaceId, request, false);
  if (mounts.length === 0) return undefined;
  return mounts.map(({ volumeId, name: _name, ...mount }) => ({ ...mount, volume: volumeId }));
}

const isWritten = ({ isReadonly, snapshotId }: VolumeMountRequest): boolean =>
  isReadonly !== true && snapshotId === undefined;

/** A volume has one writer, and what a copy's memory knows of it would be wrong from its first write on. */
export function requireNoWriter({ id, volumes = [] }: SandboxRecord): void {
  const written = volumes.find(({ isReadonly }) => !isReadonly);
  if (written === undefined) return;
  throw new ApiError('volume_in_use', `cannot copy sandbox ${id}: it writes volume ${written.name}`, {
    hint: 'Mount volumes read-only in sandboxes that are to be copied.',
  });
}

/** A memory snapshot outlives its sandbox, and the volumes go on without it. */
export function requireNoVolumes({ id, volumes = [] }: SandboxRecord, what: string): void {
  const [first] = volumes;
  if (first === undefined) return;
  throw new ApiError('unsupported', `${what} of sandbox ${id} is not possible: it has volume ${first.name}`, {
    hint: 'Use its files alone, and a snapshot of the volume for what that holds.',
  });
}
