import { InvalidArgumentError } from 'commander';
import type { FileSystemMount } from '@atoll/sdk';
import { list, required } from '../parameter.ts';

export const fileSystem = required('file-system', 'id or name of the file system');

const WANTED = 'It must be NAME:/PATH, NAME:/PATH:ro or NAME@SNAPSHOT:/PATH.';

/** `skills:/mnt/skills`, `skills:/mnt/skills:ro`, `skills@fs_snapshot_…:/mnt/skills`. */
export function parseMount(given: string): FileSystemMount {
  const [source = '', mountPath = '', mode, ...more] = given.split(':');
  const [fileSystemId = '', snapshotId, ...others] = source.split('@');
  const isWrong = fileSystemId === '' || !mountPath.startsWith('/') || more.length > 0 || others.length > 0;
  if (isWrong || !['ro', 'rw', undefined].includes(mode)) throw new InvalidArgumentError(WANTED);
  return {
    fileSystemId,
    mountPath,
    ...(mode === 'ro' && { readOnly: true }),
    ...(snapshotId !== undefined && { snapshotId }),
  };
}

/** As they are given, in one line; absent where there are none. */
export function formatMounts(mounts: readonly FileSystemMount[]): string | undefined {
  const shown = mounts.map(
    ({ fileSystemId, snapshotId, mountPath, readOnly }) =>
      `${fileSystemId}${snapshotId === undefined ? '' : `@${snapshotId}`}:${mountPath}${readOnly ? ':ro' : ''}`,
  );
  return shown.length === 0 ? undefined : shown.join(', ');
}

/** For commands that create sandboxes. */
export const fileSystemOptions = {
  filesystem: list('-f, --filesystem <name:/path[:ro]>', 'mount this file system', parseMount),
};
