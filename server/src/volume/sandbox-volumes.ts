import { ApiError } from '@atoll/protocol';
import type { SandboxMount } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { VolumeMount } from '../store/volume-mount.ts';
import { checkMountPaths } from './mount-path.ts';
import type { VolumeDisks } from './volume-disks.ts';
import type { VolumeRecords } from './volume-records.ts';
import type { Volumes } from './volumes.ts';

/** A volume that a sandbox asks for. */
export interface VolumeMountRequest {
  /** By id or name. */
  volume: string;
  mountPath: string;
  isReadonly?: boolean;
  /** The volume as it was then; always read-only. */
  snapshotId?: string;
}

/** The volumes of a sandbox on the host, until they are released. */
export interface HeldVolumes {
  mounts: readonly BindMount[];
  release: () => Promise<void>;
}

type BindMount = Extract<SandboxMount, { kind: 'bind' }>;

interface Options {
  volumes: Pick<Volumes, 'findReady' | 'findReadySnapshot'>;
  records: VolumeRecords;
  disks: VolumeDisks;
}

export type SandboxVolumes = ReturnType<typeof createSandboxVolumes>;

type Owner = Pick<SandboxRecord, 'id' | 'workspaceId' | 'volumes'>;

/** What is mounted: the snapshot where one is named. */
const diskOf = ({ volumeId, snapshotId }: VolumeMount): string => snapshotId ?? volumeId;

/**
 * How sandboxes have volumes. A sandbox is attached from its create to its end, also while it sleeps: nobody else writes
 * what its memory knows. Its volumes are mounted on the host as long as it is in memory.
 */
export function createSandboxVolumes({ volumes, records, disks }: Options) {
  const resolve = (workspaceId: string, asked: VolumeMountRequest): VolumeMount => {
    const { id, name, isShared } = volumes.findReady(workspaceId, asked.volume);
    const { mountPath, snapshotId, isReadonly = snapshotId !== undefined } = asked;
    if (snapshotId !== undefined && !isReadonly)
      throw new ApiError('invalid_request', `${mountPath}: a snapshot of a volume is mounted read-only`);
    if (snapshotId === undefined && isShared) return shared({ volumeId: id, name, mountPath, isReadonly });
    if (snapshotId === undefined) return { volumeId: id, name, mountPath, isReadonly };
    const snapshot = volumes.findReadySnapshot(workspaceId, snapshotId);
    if (snapshot.volumeId !== id)
      throw new ApiError('volume_snapshot_not_found', `volume ${name} has no snapshot ${snapshotId}`);
    return { volumeId: id, name, mountPath, isReadonly: true, snapshotId };
  };
  return {
    /** Finds what a create asks for. */
    resolveAll: (workspaceId: string, asked: readonly VolumeMountRequest[]): VolumeMount[] => {
      checkMountPaths(asked.map(({ mountPath }) => mountPath));
      const found = asked.map((mount) => resolve(workspaceId, mount));
      found.forEach(requireOwn);
      return found;
    },
    /** Finds one that is to come to those that the sandbox has. */
    resolveAnother: (
      { workspaceId, volumes: present = [] }: Owner,
      asked: VolumeMountRequest,
    ): VolumeMount => {
      checkMountPaths([...present.map(({ mountPath }) => mountPath), asked.mountPath]);
      return resolve(workspaceId, asked);
    },
    /** In the transaction that writes the sandbox: a volume is there and free, or nothing is written. */
    attach: ({ id, workspaceId, volumes: mounts = [] }: Owner): void => {
      for (const mount of mounts) {
        volumes.findReady(workspaceId, mount.volumeId);
        if (mount.snapshotId !== undefined) volumes.findReadySnapshot(workspaceId, mount.snapshotId);
        records.attach(id, mount);
      }
    },
    /** In the transaction that writes its end. */
    detach: ({ id }: Pick<SandboxRecord, 'id'>): void => records.detachAll(id),
    /** In the transaction that writes that it has gone. */
    detachOne: ({ id }: Pick<SandboxRecord, 'id'>, { mountPath }: VolumeMount): void =>
      records.detach(id, mountPath),
    /** `isQuiet` keeps what runs for a moment beside the sandbox from writing. */
    hold: async (mounts: readonly VolumeMount[], { isQuiet = false } = {}): Promise<HeldVolumes> => {
      const held: string[] = [];
      const release = async (): Promise<void> => {
        for (const id of held.splice(0).toReversed()) await disks.release(id);
      };
      try {
        const found: BindMount[] = [];
        for (const mount of mounts) {
          const id = diskOf(mount);
          const isReadonly = !mount.isShared && (mount.isReadonly || isQuiet);
          const source = await disks.hold(id, { isReadonly });
          held.push(id);
          found.push({ kind: 'bind', destination: mount.mountPath, source, isReadonly: mount.isReadonly });
        }
        return { mounts: found, release };
      } catch (error) {
        await release();
        throw error;
      }
    },
    /** Who copies a volume that the sandbox writes gives up: its processes could not end before. */
    interruptCopies: ({ id, volumes: mounts = [] }: Owner): void => {
      for (const mount of mounts) {
        const why = `sandbox ${id}, which writes volume ${mount.name}, ended meanwhile`;
        if (!mount.isReadonly)
          disks.interrupt(
            mount.volumeId,
            new ApiError('conflict', why, { hint: 'Take the snapshot again.' }),
          );
      }
    },
    /** Unmounts what no sandbox in memory needs. After sandboxes are adopted. */
    unmountIdle: disks.unmountIdle,
  };
}

/** All who have it see one file system of the host, which is mounted once: for all of them it can be written to. */
function shared(mount: VolumeMount): VolumeMount {
  if (!mount.isReadonly) return { ...mount, isShared: true };
  throw new ApiError('unsupported', `volume ${mount.name} is shared, and mounted to be written alone`, {
    hint: 'Take a snapshot of it, and mount that.',
  });
}

/** What is mounted at the start of a sandbox, the runtime takes for the sandbox's alone, and remembers what it has read. */
function requireOwn({ name, isShared }: VolumeMount): void {
  if (!isShared) return;
  throw new ApiError('unsupported', `volume ${name} is shared: a sandbox cannot be created with it`, {
    hint: 'Attach it when the sandbox runs.',
  });
}
