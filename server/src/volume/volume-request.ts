import { ApiError } from '@atoll/protocol';

/** What a new volume is asked to be. Absent means the usual. */
export interface VolumeRequest {
  name: string;
  description?: string;
  labels?: Readonly<Record<string, string>>;
  sizeMb?: number;
  /** Begin with what a snapshot holds; not smaller than it. */
  snapshotId?: string;
  /** Of which version of a template that snapshot is, as NAME:VERSION. */
  template?: string;
  /** What another system calls it. */
  externalId?: string;
  /** For any number of sandboxes to write at once. */
  isShared?: boolean;
}

/** What to change; absent fields stay. */
export type VolumeUpdate = Partial<Omit<VolumeRequest, 'snapshotId' | 'template' | 'isShared'>>;

/** What one workspace, and one volume, may have. */
export interface VolumeLimits {
  maxSizeMb: number;
  maxVolumesPerWorkspace: number;
  maxSnapshotsPerWorkspace: number;
}

/** Images are sparse: a volume takes of the host what is written to it. */
export const USUAL_SIZE_MB = 10_240;
/** Less has no room for what the file system keeps for itself. */
const MIN_SIZE_MB = 16;
const MAX_LABELS = 64;
const MAX_TEXT = 1024;

/** Ids of volumes have an underscore, names have none, so that either names a volume. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/;

export function checkVolumeName(name: string): void {
  if (NAME.test(name)) return;
  throw new ApiError('invalid_name', `${JSON.stringify(name.slice(0, 80))} cannot be the name of a volume`, {
    hint: 'Use letters, digits, "." and "-", begin with a letter or digit, at most 63 characters.',
  });
}

export function checkSize(sizeMb: number, { maxSizeMb }: VolumeLimits): void {
  if (!Number.isInteger(sizeMb) || sizeMb < MIN_SIZE_MB)
    throw new ApiError('invalid_resources', `size_mb is ${sizeMb}; the least is ${MIN_SIZE_MB}`);
  if (sizeMb > maxSizeMb)
    throw new ApiError('limit_exceeded', `size_mb is ${sizeMb}; this server allows ${maxSizeMb}`);
}

export function checkDescription(text: string | undefined): void {
  if (text !== undefined && text.length > MAX_TEXT)
    throw new ApiError('limit_exceeded', `the description has ${text.length} characters, not ${MAX_TEXT}`);
}

export function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS)
    throw new ApiError('limit_exceeded', `${entries.length} labels; a volume has at most ${MAX_LABELS}`);
  if (entries.some(([key, value]) => key === '' || key.length + value.length > MAX_TEXT))
    throw new ApiError(
      'invalid_request',
      `a label has a name, and with its value at most ${MAX_TEXT} characters`,
    );
}
