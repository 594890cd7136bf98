import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import { LayerToolError } from '../image/layer-tool.ts';
import type { Clock } from '../lib/clock.ts';
import { newSandboxId } from '../lib/id.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { VolumeSnapshotRecord } from './volume-records.ts';
import { checkDescription, checkLabels, checkSize, checkVolumeName } from './volume-request.ts';
import type { VolumeLimits } from './volume-request.ts';
import type { VolumeTemplateRecord, VolumeTemplateRecords } from './volume-template-records.ts';
import type { Volumes } from './volumes.ts';

export interface VolumeTemplatesOptions {
  records: VolumeTemplateRecords;
  volumes: Pick<Volumes, 'fillSnapshot' | 'listSnapshots' | 'removeSnapshots' | 'snapshotBytes'>;
  limits: VolumeLimits;
  /** Fills a folder of the host with an archive that a client sends. */
  unpack: (root: string, archive: Readable, signal: AbortSignal) => Promise<void>;
  clock: Clock;
}

/** What a template is to be; absent fields stay, or are the usual. */
export interface VolumeTemplateRequest {
  name: string;
  displayName?: string;
  description?: string;
  labels?: Readonly<Record<string, string>>;
  sizeMb?: number;
}

export interface VolumeTemplateVersion {
  name: string;
  snapshot: VolumeSnapshotRecord;
  usedBytes: number;
}

/** A template with its versions, newest first. */
export interface VolumeTemplateInfo extends VolumeTemplateRecord {
  versions: VolumeTemplateVersion[];
}

export type VolumeTemplates = ReturnType<typeof createVolumeTemplates>;

/** Clients that ask for no size expect this one. */
const USUAL_SIZE_MB = 1024;
const TOKEN_BYTES = 32;
const TOKEN_LIFE_MS = 10 * 60_000;
const LATEST = 'latest';
const MAX_UPLOADS = 4;
const MAX_WAITING_UPLOADS = 16;

/**
 * Files that volumes begin with, uploaded in versions that never change. A version is a snapshot of a disk that no
 * sandbox ever had, so what is true of snapshots (their room, their end, what a kill of the server leaves) is of it too.
 */
export function createVolumeTemplates({ records, volumes, limits, unpack, clock }: VolumeTemplatesOptions) {
  const uploads = createSemaphore(
    MAX_UPLOADS,
    MAX_WAITING_UPLOADS,
    () => new ApiError('too_busy', 'too many uploads of volume templates wait for their turn'),
    1,
  );

  const find = (workspaceId: string, name: string): VolumeTemplateRecord => {
    const record = records.find(workspaceId, name);
    if (record) return record;
    throw new ApiError(
      'volume_template_not_found',
      `no volume template ${JSON.stringify(name.slice(0, 80))}`,
    );
  };
  const snapshotsOf = ({ workspaceId, id }: VolumeTemplateRecord): VolumeSnapshotRecord[] =>
    volumes.listSnapshots(workspaceId, id);
  const show = async (record: VolumeTemplateRecord): Promise<VolumeTemplateInfo> => {
    const versions = snapshotsOf(record).map(async (snapshot) => ({
      name: snapshot.version ?? '',
      snapshot,
      usedBytes: await volumes.snapshotBytes(snapshot.id),
    }));
    return { ...record, versions: await Promise.all(versions) };
  };
  const findVersion = (record: VolumeTemplateRecord, version: string): VolumeSnapshotRecord => {
    const all = snapshotsOf(record);
    const found =
      version === LATEST
        ? all.find(({ status }) => status === 'ready')
        : all.find((one) => one.version === version);
    if (found) return found;
    throw new ApiError(
      'volume_template_not_found',
      `volume template ${record.name} has no version ${JSON.stringify(version.slice(0, 80))}`,
    );
  };

  const check = ({ name, description, displayName, labels = {}, sizeMb }: VolumeTemplateRequest): void => {
    checkVolumeName(name);
    checkDescription(description);
    checkDescription(displayName);
    checkLabels(labels);
    if (sizeMb !== undefined) checkSize(sizeMb, limits);
  };

  const newVersion = (record: VolumeTemplateRecord, asked: string | undefined): string => {
    if (asked === undefined) {
      const number = String(records.nextNumber(record.id));
      return isTaken(record, number) ? newVersion(record, undefined) : number;
    }
    if (isTaken(record, asked))
      throw new ApiError('name_taken', `volume template ${record.name} has a version ${asked} already`, {
        hint: 'Versions never change: give another name, or none.',
      });
    return asked;
  };
  const isTaken = (record: VolumeTemplateRecord, version: string): boolean =>
    snapshotsOf(record).some((one) => one.version === version);

  /** The template may have got another version of that name since the URL was given out, or have made way for another. */
  const receive = async (
    { id, workspaceId, name, sizeMb }: VolumeTemplateRecord,
    version: string,
    archive: Readable,
    signal: AbortSignal,
  ): Promise<void> => {
    const now = find(workspaceId, name);
    if (now.id !== id)
      throw new ApiError('conflict', `volume template ${name} was deleted before the upload began`);
    newVersion(now, version);
    const asked = { workspaceId, volumeId: id, volumeName: name, version, sizeMb };
    await volumes.fillSnapshot(asked, (root, closing) =>
      unpack(root, archive, AbortSignal.any([signal, closing])).catch((error: unknown) => {
        throw explain(error, asked);
      }),
    );
  };

  return {
    create: (workspaceId: string, asked: VolumeTemplateRequest): Promise<VolumeTemplateInfo> => {
      check(asked);
      if (records.count(workspaceId) >= limits.maxVolumesPerWorkspace)
        throw new ApiError(
          'quota_exceeded',
          `the workspace has ${limits.maxVolumesPerWorkspace} volume templates`,
        );
      if (records.find(workspaceId, asked.name))
        throw new ApiError('name_taken', `a volume template is called ${asked.name} already`);
      const now = clock.now();
      const { name, labels = {}, sizeMb = USUAL_SIZE_MB, displayName, description } = asked;
      const id = `volume_template_${newSandboxId()}`;
      const made = { id, workspaceId, name, labels, sizeMb, createdAt: now, updatedAt: now };
      records.insert({ ...made, ...withoutUndefined({ displayName, description }) });
      return show(find(workspaceId, name));
    },
    get: (workspaceId: string, name: string): Promise<VolumeTemplateInfo> => show(find(workspaceId, name)),
    list: (workspaceId: string): Promise<VolumeTemplateInfo[]> =>
      Promise.all(records.list(workspaceId).map(show)),
    update: (workspaceId: string, asked: VolumeTemplateRequest): Promise<VolumeTemplateInfo> => {
      check(asked);
      const before = find(workspaceId, asked.name);
      records.update({ ...before, ...withoutUndefined({ ...asked }), updatedAt: clock.now() });
      return show(find(workspaceId, asked.name));
    },
    /** With its versions. Volumes that began with one of them stay as they are. */
    remove: async (workspaceId: string, name: string): Promise<VolumeTemplateInfo> => {
      const record = find(workspaceId, name);
      const shown = await show(record);
      const all = snapshotsOf(record);
      if (all.some(({ status }) => status !== 'ready'))
        throw new ApiError('conflict', `a version of volume template ${name} is being uploaded`);
      const ids = all.map(({ id }) => id);
      await volumes.removeSnapshots(workspaceId, ids, () => records.remove(record.id));
      return shown;
    },
    removeVersion: async (
      workspaceId: string,
      name: string,
      version: string,
    ): Promise<VolumeTemplateInfo> => {
      const record = find(workspaceId, name);
      await volumes.removeSnapshots(workspaceId, [findVersion(record, version).id]);
      return show(record);
    },
    /** Gives out the right to upload a version, once. */
    beginUpload: (workspaceId: string, name: string, version?: string): string => {
      const record = find(workspaceId, name);
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      records.putToken(record.id, hashOf(token), newVersion(record, version), clock.now() + TOKEN_LIFE_MS);
      return token;
    },
    /** Makes a version of what a client sends. Throws `not_found` where the token is none, was used or is too old. */
    upload: async (token: string, archive: Readable, signal: AbortSignal): Promise<VolumeTemplateRecord> => {
      const taken = records.takeToken(hashOf(token), clock.now());
      if (taken === undefined)
        throw new ApiError('not_found', 'this upload URL was used, has expired, or is none of this server', {
          hint: 'Ask for another one with ?upload=true.',
        });
      const { template, version } = taken;
      try {
        const work = (): Promise<void> => receive(template, version, archive, signal);
        await uploads.run(signal, work, template.workspaceId);
        records.setOutcome(template.id, clock.now());
        return template;
      } catch (error) {
        const shown = error instanceof ApiError ? error.message : 'the upload was cut';
        records.setOutcome(template.id, clock.now(), shown);
        throw error;
      }
    },
    /** What `NAME` or `NAME:VERSION` stands for now. */
    resolve: (
      workspaceId: string,
      reference: string,
    ): { snapshot: VolumeSnapshotRecord; template: string } => {
      const [name = '', ...rest] = reference.split(':');
      const version = rest.length === 0 ? LATEST : rest.join(':');
      const snapshot = findVersion(find(workspaceId, name), version);
      return { snapshot, template: `${name}:${snapshot.version}` };
    },
  };
}

function explain(error: unknown, { volumeName, sizeMb }: { volumeName: string; sizeMb: number }): unknown {
  if (!(error instanceof LayerToolError)) return error;
  if (error.code !== 'no_space') return new ApiError('invalid_request', error.message, { cause: error });
  const why = `the files do not fit into the ${sizeMb} MB of volume template ${volumeName}`;
  return new ApiError('limit_exceeded', why, { cause: error, hint: 'Give the template a larger size.' });
}

/** Tokens are kept as digests: who reads the database cannot upload. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
