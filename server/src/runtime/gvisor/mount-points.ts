import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol/errors';
import type { SandboxSpec } from '../driver.ts';
import { mountOverlay } from '../overlay-mount.ts';
import type { SlotPaths } from './slot-path.ts';

/**
 * The spec with a root file system that has a folder for each of its mounts. runsc makes none in a read-only one, so they
 * are a layer of their own, the lowest: whatever the image has there stays as it is. Only this slot mounts that one.
 */
export async function withMountPoints(spec: SandboxSpec, paths: SlotPaths): Promise<SandboxSpec> {
  if (spec.mounts === undefined || spec.mounts.length === 0) return spec;
  for (const { destination } of spec.mounts)
    await mkdir(join(paths.mountPoints, destination), { recursive: true, mode: 0o755 });
  const lowers = [paths.mountPoints, ...spec.layers];
  await mountOverlay({ lowers, path: paths.rootfs, tempDir: paths.dir });
  return { ...spec, rootfs: paths.rootfs };
}

/** A link of the image leads to where it has no folder. The file proxy ends over that, and runsc says no more than so. */
export function throwIfUnmountable({ mounts = [] }: SandboxSpec, cause: unknown): void {
  if (mounts.length === 0 || !(cause instanceof Error) || !PROXY_ENDED.test(cause.message)) return;
  const paths = mounts.map(({ destination }) => destination).join(', ');
  throw new ApiError('invalid_request', `nothing can be mounted at one of ${paths} in this image`, {
    cause,
    hint: 'Choose mount paths that lead through no symbolic link and no file of the image.',
  });
}

const PROXY_ENDED = /reading mounts file/;
