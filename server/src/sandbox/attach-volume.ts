import { ApiError } from '@atoll/protocol';
import { newSlotId } from '../lib/id.ts';
import type { SandboxOperation, SandboxRecord } from '../store/sandbox-store.ts';
import { isLate } from '../store/volume-mount.ts';
import type { LateVolume, VolumeMount } from '../store/volume-mount.ts';
import type { VolumeMountRequest } from '../volume/sandbox-volumes.ts';
import type { SandboxContext } from './context.ts';
import type { Directory } from './directory.ts';
import { hideVolume, isBusy, runningPlace, showVolume, usersOf } from './late-volumes.ts';
import { beginOperation, findUnderWay } from './operation.ts';
import { requireVolumes } from './volume-use.ts';
import { wake } from './wake.ts';

const SETTLE_TIMEOUT_MS = 30_000;
/** One volume comes or goes after the other, and no longer than these take. */
const waitedFor = ['attach', 'detach', 'checkpoint', 'suspend', 'resume', 'hibernate', 'rollback'] as const;

/** The part of the sandboxes whose volumes come and go while they run. One that sleeps is woken for it. */
export function createVolumeCalls(context: SandboxContext, directory: Directory) {
  const awake = async <T>(
    workspaceId: string,
    identifier: string,
    work: (record: SandboxRecord) => Promise<T>,
  ): Promise<SandboxRecord> => {
    const { id } = directory.find(workspaceId, identifier);
    const release = context.activity.hold(id);
    try {
      let record: SandboxRecord;
      do {
        await findUnderWay(context, { id }, waitedFor)?.catch(() => {});
        record = (await wake(context, directory.find(workspaceId, id))).record;
      } while (findUnderWay(context, { id }, waitedFor));
      await work(record);
      return directory.find(workspaceId, id);
    } finally {
      release();
    }
  };
  return {
    attachVolume: (
      workspaceId: string,
      identifier: string,
      asked: VolumeMountRequest,
    ): Promise<SandboxRecord> => {
      requireVolumes(context.driver);
      return awake(workspaceId, identifier, (record) => attach(context, record, asked));
    },
    detachVolume: (workspaceId: string, identifier: string, mountPath: string): Promise<SandboxRecord> => {
      findDetachable(directory.find(workspaceId, identifier), mountPath);
      return awake(workspaceId, identifier, (record) => detach(context, record, mountPath));
    },
  };
}

const attach = (context: SandboxContext, record: SandboxRecord, asked: VolumeMountRequest): Promise<void> =>
  beginOperation(context, record, 'attach', {
    work: async (current, signal) => {
      const volume = begin(context, current, asked);
      await showVolume(context, runningPlace(context, current), volume, signal);
      signal.throwIfAborted();
      write(context, current, 'attach', { put: settledOf(volume) });
    },
    undo: (current) => withdraw(context, current),
  });

/** The intent: the volume is the sandbox's from here on, and nobody else's. */
function begin(context: SandboxContext, record: SandboxRecord, asked: VolumeMountRequest): LateVolume {
  const found = context.volumes.resolveAnother(record, asked);
  const volume = { ...found, lateId: newSlotId(), isUnsettled: true } as const;
  context.transaction(() => {
    context.volumes.attach({ ...record, volumes: [volume] });
    const volumes = [...(record.volumes ?? []), volume];
    if (!context.store.change(record, 'attach', { volumes }))
      throw new ApiError('conflict', `sandbox ${record.id} is being terminated`);
  });
  return volume;
}

/** Of an attach that failed. What a terminate has taken over goes with the sandbox. */
async function withdraw(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (record.operation !== 'attach') return;
  const volume = unsettledOf(record);
  if (volume === undefined) return void context.store.change(record, 'attach', { operation: null });
  await hideVolume(context, runningPlace(context, record), volume);
  write(context, record, 'attach', { drop: volume });
}

const detach = (context: SandboxContext, record: SandboxRecord, mountPath: string): Promise<void> =>
  beginOperation(context, record, 'detach', {
    work: async (current) => {
      const found = findDetachable(current, mountPath);
      const volume = { ...found, isUnsettled: true } as const;
      write(context, current, 'detach', { put: volume, goesOn: true });
      await hide(context, current, volume);
      write(context, current, 'detach', { drop: volume });
    },
    undo: (current) => bringBack(context, current),
  });

async function hide(context: SandboxContext, record: SandboxRecord, volume: LateVolume): Promise<void> {
  const place = runningPlace(context, record);
  try {
    await hideVolume(context, place, volume);
  } catch (error) {
    if (!isBusy(error)) throw error;
    const users = await usersOf(place, volume);
    // It is where it was.
    write(context, record, 'detach', { put: settledOf(volume) });
    throw busy(record, volume, users);
  }
}

async function bringBack(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (record.operation !== 'detach') return;
  const volume = unsettledOf(record);
  if (volume === undefined) return void context.store.change(record, 'detach', { operation: null });
  const signal = AbortSignal.timeout(SETTLE_TIMEOUT_MS);
  await showVolume(context, runningPlace(context, record), volume, signal);
  write(context, record, 'detach', { put: settledOf(volume) });
}

/**
 * Ends what an earlier process, or a failure, has left in the middle: the volume comes, or is nobody's. Of a sandbox that
 * runs and of which nothing else is being done.
 */
export async function settleVolumes(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const volume = unsettledOf(record);
  if (volume === undefined) return;
  const place = runningPlace(context, record);
  const signal = AbortSignal.timeout(SETTLE_TIMEOUT_MS);
  try {
    await showVolume(context, place, volume, signal);
    write(context, record, undefined, { put: settledOf(volume) });
  } catch (err) {
    context.log.warn({ sandboxId: record.id, volumeId: volume.volumeId, err }, 'an attach is given up');
    await hideVolume(context, place, volume);
    write(context, record, undefined, { drop: volume });
  }
}

const unsettledOf = ({ volumes = [] }: SandboxRecord): LateVolume | undefined =>
  volumes.filter(isLate).find(({ isUnsettled }) => isUnsettled);

const settledOf = ({ isUnsettled: _isUnsettled, ...volume }: LateVolume): LateVolume => volume;

function findDetachable({ id, volumes = [] }: SandboxRecord, mountPath: string): LateVolume {
  const found = volumes.find((volume) => volume.mountPath === mountPath);
  if (found === undefined)
    throw new ApiError('volume_not_found', `sandbox ${id} has no file system at ${mountPath.slice(0, 200)}`);
  if (isLate(found)) return found;
  throw new ApiError(
    'unsupported',
    `sandbox ${id} has file system ${found.name} from its create to its end`,
    {
      hint: 'Attach what is to be detached while it runs: `atoll fs attach`.',
    },
  );
}

/** The volume as it is from now on, or one that has gone. */
type Outcome = ({ put: VolumeMount; drop?: never } | { drop: VolumeMount; put?: never }) & {
  /** The operation has not ended. */
  goesOn?: boolean;
};

/** What the sandbox has from now on. Changes nothing where something else has taken over, which then ends it all. */
function write(
  context: SandboxContext,
  record: SandboxRecord,
  during: SandboxOperation | undefined,
  { put, drop, goesOn = false }: Outcome,
): void {
  const subject = put ?? drop;
  context.transaction(() => {
    const now = context.store.byId(record.workspaceId, record.id) ?? record;
    const volumes = (now.volumes ?? []).flatMap((each) =>
      each.mountPath === subject.mountPath ? (put ?? []) : each,
    );
    const change = { volumes: volumes.length > 0 ? volumes : null, ...(!goesOn && { operation: null }) };
    if (!context.store.change(record, during, change) || drop === undefined) return;
    context.volumes.detachOne(record, drop);
  });
}

function busy({ id }: SandboxRecord, { name, mountPath }: LateVolume, pids: readonly number[]): ApiError {
  const by = pids.length === 0 ? '' : ` by ${pids.length === 1 ? 'process' : 'processes'} ${pids.join(', ')}`;
  return new ApiError('volume_in_use', `sandbox ${id} uses volume ${name} at ${mountPath}${by}`, {
    hint: 'End what has files of it open or works in it, then detach it again.',
  });
}
