import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../lib/run.ts';

export interface Overlay {
  /** The layers' directories, lowest first. */
  lowers: readonly string[];
  /** A folder with `upper` and `work` that takes what is written; without it the overlay is read-only. */
  disk?: string;
  /** Where to mount it. */
  path: string;
  /** For links that live as long as the call. */
  tempDir: string;
}

const MOUNT_TIMEOUT_MS = 10_000;

/** What such folders begin with that a killed process leaves in `tempDir`. */
export const OVERLAY_LINKS = 'links-';

/**
 * Mounts an overlay. Mount options have to fit into a page (4 KiB), which 40 paths fill. So the directories are named by
 * short links, relative to where mount(8) runs; 500 of them fit, and overlay allows no more. The kernel keeps the
 * directories themselves, so the links go at once.
 */
export async function mountOverlay({ lowers, disk, path, tempDir }: Overlay): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const links = await mkdtemp(join(tempDir, OVERLAY_LINKS));
  try {
    const names = lowers.map((_, index) => index.toString(36));
    for (const [index, lower] of lowers.entries()) await symlink(lower, join(links, index.toString(36)));
    if (disk !== undefined) await symlink(disk, join(links, 'disk'));
    const writing = disk === undefined ? 'ro' : 'upperdir=disk/upper,workdir=disk/work';
    const options = `${writing},nodev,lowerdir=${names.toReversed().join(':')},redirect_dir=nofollow,metacopy=off`;
    const argv = ['mount', '-t', 'overlay', '-o', options, 'atoll-rootfs', path];
    await run(argv, { timeoutMs: MOUNT_TIMEOUT_MS, cwd: links });
  } finally {
    await rm(links, { recursive: true, force: true });
  }
}
