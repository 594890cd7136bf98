import { mkdir, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../lib/run.ts';
import { createDisk, removeDisk, requireKept } from '../runtime/disk.ts';
import { mountOverlay } from '../runtime/overlay-mount.ts';

/** Where one build keeps its files: a disk of its own, which bounds them all, and the mounts that it makes. */
export interface Workplace {
  /** The files that the build was given. */
  readonly contextDir: string;
  /** Folder that no other process of the host reads, in memory: for secrets. */
  readonly secretDir: string;
  /** An empty folder on the build's disk. */
  makeDir(prefix: string): Promise<string>;
  /** A folder with `upper` and `work` for what a step writes. */
  makeLayerDir(): Promise<string>;
  /** Runs `use` while the layers, and what is written to `disk`, are merged at the path that it is given. */
  withMerged<T>(
    lowers: readonly string[],
    disk: string | undefined,
    use: (path: string) => Promise<T>,
  ): Promise<T>;
  /** As `withMerged`, read-only, until the workplace is removed. */
  keepMerged(lowers: readonly string[]): Promise<string>;
  /** Whether the disk has no room left. */
  isFull(): Promise<boolean>;
  /** Throws `host_out_of_disk` where what was written to the disk may be lost (`runtime/disk.ts`). */
  requireKept(): Promise<void>;
  remove(): Promise<void>;
}

interface Options {
  /** On a tmpfs, for mounts. */
  runDir: string;
  /** For the image of the disk. */
  dataDir: string;
  diskMb: number;
}

const UNMOUNT_TIMEOUT_MS = 30_000;
/** What the file system keeps for itself can be no more than this. */
const FULL_BELOW_BYTES = 1024 * 1024;

/** Makes the place for a build. Everything in it is found by the two folders alone. */
export async function createWorkplace(
  { runDir, dataDir, diskMb }: Options,
  signal: AbortSignal,
): Promise<Workplace> {
  await mkdir(runDir, { recursive: true, mode: 0o700 });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const disk = { image: join(dataDir, 'disk'), mountPoint: join(runDir, 'disk') };
  const contextDir = join(disk.mountPoint, 'context');
  const secretDir = join(runDir, 'secret');
  try {
    await createDisk({ ...disk, sizeMb: diskMb }, signal);
    await mkdir(contextDir, { mode: 0o755 });
    await mkdir(secretDir, { mode: 0o700 });
  } catch (error) {
    await removeWorkplace(runDir, dataDir);
    throw error;
  }
  let count = 0;
  const makeDir = async (prefix: string): Promise<string> => {
    count += 1;
    const dir = join(disk.mountPoint, `${prefix}-${count}`);
    await mkdir(dir, { mode: 0o755 });
    return dir;
  };
  const merge = async (lowers: readonly string[], layerDir?: string): Promise<string> => {
    count += 1;
    const path = join(runDir, `merged-${count}`);
    // A single directory is no overlay; twice the same one is refused too.
    const pair = lowers.length > 1 || layerDir !== undefined ? lowers : [await makeDir('empty'), ...lowers];
    await mountOverlay({
      lowers: pair,
      path,
      tempDir: runDir,
      ...(layerDir !== undefined && { disk: layerDir }),
    });
    return path;
  };
  return {
    contextDir,
    secretDir,
    makeDir,
    async makeLayerDir() {
      const dir = await makeDir('layer');
      await mkdir(join(dir, 'upper'), { mode: 0o755 });
      await mkdir(join(dir, 'work'), { mode: 0o755 });
      return dir;
    },
    async withMerged(lowers, layerDir, use) {
      const path = await merge(lowers, layerDir);
      try {
        return await use(path);
      } finally {
        await run(['umount', path], { timeoutMs: UNMOUNT_TIMEOUT_MS });
        await rm(path, { recursive: true });
      }
    },
    keepMerged: (lowers) => merge(lowers),
    async isFull() {
      const { bavail, bsize, ffree } = await statfs(disk.mountPoint);
      return bavail * bsize < FULL_BELOW_BYTES || ffree === 0;
    },
    requireKept: () => requireKept(disk),
    remove: () => removeWorkplace(runDir, dataDir),
  };
}

/** Removes what a build left, in whatever state. */
export async function removeWorkplace(runDir: string, dataDir: string): Promise<void> {
  // Those that were made later may stand on those that were made before.
  for (const path of (await mountsBelow(runDir)).toReversed()) {
    await run(['umount', '--lazy', path], { timeoutMs: UNMOUNT_TIMEOUT_MS });
  }
  await removeDisk({ image: join(dataDir, 'disk'), mountPoint: join(runDir, 'disk') });
  await rm(runDir, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

/** Mount points below a folder, in the order in which they were mounted. */
async function mountsBelow(dir: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.flatMap((line) => line.split(' ')[4] ?? []).filter((path) => path.startsWith(`${dir}/`));
}

/** The builds of which anything is left. */
export async function listWorkplaces(...parents: readonly string[]): Promise<string[]> {
  const names = await Promise.all(parents.map((dir) => readdir(dir).catch(() => [])));
  return [...new Set(names.flat())];
}
