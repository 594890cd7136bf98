import { ApiError } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { newSandboxId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { VolumeDisks } from './volume-disks.ts';
import type {
  VolumeAttachment,
  VolumePage,
  VolumeRecord,
  VolumeRecords,
  VolumeSnapshotRecord,
} from './volume-records.ts';
import {
  checkDescription,
  checkLabels,
  checkSize,
  checkVolumeName,
  USUAL_SIZE_MB,
} from './volume-request.ts';
import type { VolumeLimits, VolumeRequest, VolumeUpdate } from './volume-request.ts';

export interface VolumesOptions {
  records: VolumeRecords;
  disks: VolumeDisks;
  limits: VolumeLimits;
  /** The name of a runtime that mounts none. */
  unsupportedBy?: string;
  /** Throws while the host is short. */
  checkHost: () => void;
  /** Throws where the workspace may not have that much more disk. */
  checkQuota: (workspaceId: string, moreMb: number) => void;
  /** Brings what is written to the disk, through a loss of power too. */
  flush: () => void;
  clock: Clock;
  log: Log;
}

/** What a snapshot is of. */
type SnapshotRequest = Omit<VolumeSnapshotRecord, 'id' | 'status' | 'createdAt'>;

/** A volume and who has it. */
export interface VolumeInfo extends VolumeRecord {
  attachments: VolumeAttachment[];
  /** What it takes of the host's disk. */
  usedBytes: number;
}

export type Volumes = ReturnType<typeof createVolumes>;

/** The volumes of this server. Every dialect goes through here; sandboxes take and leave them by `createSandboxVolumes`. */
export function createVolumes(options: VolumesOptions) {
  const { records, disks, limits, checkHost, checkQuota, flush, clock, log } = options;
  const closing = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  /** Goes on when its caller has gone; a server that stops aborts it and waits. */
  const track = <T>(work: Promise<T>): Promise<T> => {
    const tracked = work.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
    return tracked;
  };

  const find = (workspaceId: string, identifier: string): VolumeRecord => {
    const record = records.find(workspaceId, identifier);
    if (record) return record;
    throw new ApiError('volume_not_found', `no volume ${JSON.stringify(identifier.slice(0, 80))}`);
  };
  const findReady = (workspaceId: string, identifier: string): VolumeRecord => {
    const record = find(workspaceId, identifier);
    if (record.status === 'ready') return record;
    throw new ApiError('invalid_state', `volume ${record.name} is still being made`);
  };
  const findSnapshot = (workspaceId: string, id: string): VolumeSnapshotRecord => {
    const record = records.findSnapshot(workspaceId, id);
    if (record) return record;
    throw new ApiError('volume_snapshot_not_found', `no volume snapshot ${JSON.stringify(id.slice(0, 80))}`);
  };
  const findReadySnapshot = (workspaceId: string, id: string): VolumeSnapshotRecord => {
    const record = findSnapshot(workspaceId, id);
    if (record.status === 'ready') return record;
    throw new ApiError('invalid_state', `volume snapshot ${id} is still being taken`);
  };

  const show = async (record: VolumeRecord): Promise<VolumeInfo> => ({
    ...record,
    attachments: records.attachmentsOf(record.id),
    usedBytes: await disks.usedBytes(record.id),
  });

  const requireFreeName = (workspaceId: string, name: string): void => {
    if (records.find(workspaceId, name) === undefined) return;
    throw new ApiError('name_taken', `a volume is called ${name} already`, {
      hint: 'Choose another name, or delete the volume that has it.',
    });
  };
  const requireUnattached = (record: VolumeRecord, what: string): void => {
    const [first] = records.attachmentsOf(record.id);
    if (first === undefined) return;
    throw new ApiError(
      'volume_in_use',
      `cannot ${what} volume ${record.name}: sandbox ${first.sandboxId} has it`,
    );
  };

  const admit = (workspaceId: string, asked: VolumeRequest): VolumeRecord => {
    if (options.unsupportedBy !== undefined)
      throw new ApiError('unsupported', `the runtime ${options.unsupportedBy} mounts no volumes`, {
        hint: 'Start the server with --runtime gvisor or native.',
      });
    checkVolumeName(asked.name);
    checkDescription(asked.description);
    checkLabels(asked.labels ?? {});
    const origin =
      asked.snapshotId === undefined ? undefined : findReadySnapshot(workspaceId, asked.snapshotId);
    const sizeMb = asked.sizeMb ?? origin?.sizeMb ?? USUAL_SIZE_MB;
    checkSize(sizeMb, limits);
    if (origin !== undefined && sizeMb < origin.sizeMb)
      throw new ApiError('invalid_resources', `size_mb is ${sizeMb}; the snapshot has ${origin.sizeMb}`);
    if (records.count(workspaceId) >= limits.maxVolumesPerWorkspace)
      throw quota('volumes', limits.maxVolumesPerWorkspace);
    checkHost();
    checkQuota(workspaceId, sizeMb);
    requireFreeName(workspaceId, asked.name);
    const now = clock.now();
    return {
      id: `file_system_${newSandboxId()}`,
      workspaceId,
      name: asked.name,
      labels: asked.labels ?? {},
      sizeMb,
      status: 'creating',
      createdAt: now,
      updatedAt: now,
      ...withoutUndefined({
        description: asked.description,
        originSnapshotId: origin?.id,
        template: asked.template,
        externalId: asked.externalId,
        isShared: asked.isShared === true ? (true as const) : undefined,
      }),
    };
  };

  const fill = async (record: VolumeRecord): Promise<void> => {
    const { id, sizeMb, originSnapshotId: from } = record;
    if (from === undefined) return disks.create(id, sizeMb, closing.signal);
    // Asked before: once it is copied, the snapshot may be deleted.
    const origin = findSnapshot(record.workspaceId, from);
    await disks.copy(from, id, closing.signal);
    if (sizeMb > origin.sizeMb) await disks.grow(id, sizeMb);
  };

  /** Intent, act, result: what fails leaves neither a row nor a file. */
  const make = async (id: string, fillIt: () => Promise<void>, settle: () => boolean, forget: () => void) => {
    try {
      await fillIt();
      settle();
      flush();
    } catch (error) {
      await disks.remove(id).catch((err: unknown) => log.warn({ err, id }, 'the files of a volume stay'));
      forget();
      throw error;
    }
  };

  /** What is added to volumes that still grow, by workspace: their rows have it only once it is there. */
  const growingMb = new Map<string, number>();
  const grow = async ({ id, workspaceId, sizeMb }: VolumeRecord, toMb: number): Promise<void> => {
    const [before, moreMb] = [growingMb.get(workspaceId) ?? 0, toMb - sizeMb];
    checkQuota(workspaceId, before + moreMb);
    growingMb.set(workspaceId, before + moreMb);
    try {
      await track(disks.grow(id, toMb));
    } finally {
      growingMb.set(workspaceId, (growingMb.get(workspaceId) ?? 0) - moreMb);
      if (growingMb.get(workspaceId) === 0) growingMb.delete(workspaceId);
    }
  };

  /** The row first: files without one belong to nobody, and the next start removes what is left. */
  const drop = async (id: string, forget: () => void): Promise<void> => {
    forget();
    flush();
    await track(disks.remove(id));
  };

  const keep = async (
    asked: SnapshotRequest,
    fillIt: (id: string, signal: AbortSignal) => Promise<void>,
  ): Promise<VolumeSnapshotRecord> => {
    closing.signal.throwIfAborted();
    const { workspaceId } = asked;
    if (records.countSnapshots(workspaceId) >= limits.maxSnapshotsPerWorkspace)
      throw quota('volume snapshots', limits.maxSnapshotsPerWorkspace);
    checkHost();
    checkQuota(workspaceId, asked.sizeMb);
    const id = `fs_snapshot_${newSandboxId()}`;
    records.insertSnapshot({ ...asked, id, status: 'creating', createdAt: clock.now() });
    const forget = (): void => records.removeSnapshot(id);
    const settle = (): boolean => records.settleSnapshot(id);
    await track(make(id, () => fillIt(id, closing.signal), settle, forget));
    return findSnapshot(workspaceId, id);
  };

  /** All of them or none. `along` joins the transaction that forgets them. */
  const removeSnapshots = async (
    workspaceId: string,
    ids: readonly string[],
    along: () => void = () => {},
  ): Promise<void> => {
    for (const id of ids) {
      findReadySnapshot(workspaceId, id);
      const [first] = records.attachmentsOfSnapshot(id);
      if (first) throw new ApiError('volume_in_use', `sandbox ${first.sandboxId} has volume snapshot ${id}`);
    }
    records.transaction(() => {
      along();
      ids.forEach(records.removeSnapshot);
    });
    flush();
    await Promise.all(ids.map((id) => track(disks.remove(id))));
  };

  return {
    create: async (workspaceId: string, asked: VolumeRequest): Promise<VolumeInfo> => {
      closing.signal.throwIfAborted();
      const record = admit(workspaceId, asked);
      records.insert(record);
      const { id } = record;
      const forget = (): void => records.remove(id);
      await track(
        make(
          id,
          () => fill(record),
          () => records.settle(id),
          forget,
        ),
      );
      return show(find(workspaceId, id));
    },
    get: async (workspaceId: string, identifier: string): Promise<VolumeInfo> =>
      show(find(workspaceId, identifier)),
    getByExternalId: async (
      workspaceId: string,
      externalId: string,
      isShared = false,
    ): Promise<VolumeInfo> => {
      const record = records.findByExternalId(workspaceId, externalId, isShared);
      if (record !== undefined) return show(record);
      throw new ApiError('volume_not_found', `no volume is called ${JSON.stringify(externalId)} elsewhere`);
    },
    list: async (workspaceId: string, page?: VolumePage): Promise<VolumeInfo[]> =>
      Promise.all(records.list(workspaceId, page).map(show)),
    count: records.count,
    /** Sizes only grow, and only while no sandbox has the volume. */
    update: async (workspaceId: string, identifier: string, asked: VolumeUpdate): Promise<VolumeInfo> => {
      const record = findReady(workspaceId, identifier);
      const { name = record.name, labels = {}, sizeMb = record.sizeMb } = asked;
      if (name !== record.name) {
        checkVolumeName(name);
        requireFreeName(workspaceId, name);
      }
      checkDescription(asked.description);
      checkLabels(labels);
      if (sizeMb < record.sizeMb)
        throw new ApiError(
          'invalid_resources',
          `volume ${record.name} has ${record.sizeMb} MB and cannot shrink`,
        );
      if (sizeMb > record.sizeMb) {
        checkSize(sizeMb, limits);
        checkHost();
        requireUnattached(record, 'grow');
        await grow(record, sizeMb);
      }
      // Growing took a while, in which others may have changed it.
      const now = findReady(workspaceId, record.id);
      if (asked.name !== undefined && asked.name !== now.name) requireFreeName(workspaceId, asked.name);
      const kept = { sizeMb: Math.max(sizeMb, now.sizeMb), updatedAt: clock.now() };
      records.update({ ...now, ...withoutUndefined({ ...asked }), ...kept });
      return show(find(workspaceId, record.id));
    },
    /** With all that it holds; its snapshots stay. */
    remove: async (workspaceId: string, identifier: string): Promise<void> => {
      const record = findReady(workspaceId, identifier);
      requireUnattached(record, 'delete');
      await drop(record.id, () => records.remove(record.id));
    },

    /** Also of a volume that a sandbox writes to: it is consistent, as after a loss of power, and the writer waits. */
    snapshot: (
      workspaceId: string,
      identifier: string,
      description?: string,
    ): Promise<VolumeSnapshotRecord> => {
      const { id: volumeId, name: volumeName, sizeMb } = findReady(workspaceId, identifier);
      checkDescription(description);
      const asked = { workspaceId, volumeId, volumeName, sizeMb, ...withoutUndefined({ description }) };
      return keep(asked, (id, signal) => disks.copy(volumeId, id, signal));
    },
    /** A snapshot of no volume, which `write` fills below a path of the host. */
    fillSnapshot: (
      asked: SnapshotRequest,
      write: (root: string, signal: AbortSignal) => Promise<void>,
    ): Promise<VolumeSnapshotRecord> => {
      checkSize(asked.sizeMb, limits);
      return keep(asked, async (id, signal) => {
        await disks.create(id, asked.sizeMb, signal);
        const root = await disks.hold(id, { isReadonly: false });
        await write(root, signal).finally(() => disks.release(id));
      });
    },
    getSnapshot: findSnapshot,
    /** What it takes of the host's disk. */
    snapshotBytes: (id: string): Promise<number> => disks.usedBytes(id),
    listSnapshots: (workspaceId: string, identifier: string): VolumeSnapshotRecord[] =>
      records.listSnapshots(workspaceId, records.find(workspaceId, identifier)?.id ?? identifier),
    removeSnapshot: (workspaceId: string, id: string): Promise<void> => removeSnapshots(workspaceId, [id]),
    removeSnapshots,

    findReady,
    findReadySnapshot,

    /** Ends what an earlier process left half done. Before sandboxes are looked at. */
    reconcile: async (): Promise<void> => {
      await disks.thawAll();
      for (const { id, status } of records.all()) if (status === 'creating') records.remove(id);
      for (const { id, status } of records.allSnapshots())
        if (status === 'creating') records.removeSnapshot(id);
      const known = new Set([...records.all(), ...records.allSnapshots()].map(({ id }) => id));
      for (const id of await disks.list())
        if (!known.has(id))
          await disks.remove(id).catch((err: unknown) => log.error({ err, id }, 'a volume is not removed'));
    },
    close: async (): Promise<void> => {
      closing.abort(new ApiError('shutting_down', 'the server is stopping'));
      await Promise.allSettled(underWay);
    },
  };
}

const quota = (what: string, most: number): ApiError =>
  new ApiError('quota_exceeded', `the workspace has ${most} ${what}, as many as this server allows`, {
    hint: `Delete ${what} that you no longer use.`,
  });
