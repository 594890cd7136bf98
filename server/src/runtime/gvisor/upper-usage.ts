import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface UpperUsageOptions {
  /** Where runsc made the files. */
  upperDir: string;
  /** The processes of a slot. */
  pids: (slotId: string) => Promise<readonly number[]>;
}

const BLOCK_BYTES = 512;

export type UpperUsage = ReturnType<typeof createUpperUsage>;

/**
 * What sandboxes have written, on the host's disk. runsc unlinks the file of an upper layer as soon as it has it, so only
 * a process that holds it open leads there; who that is does not change while a slot runs.
 */
export function createUpperUsage({ upperDir, pids }: UpperUsageOptions) {
  const found = new Map<string, readonly string[]>();

  const bytesOf = async (paths: readonly string[]): Promise<number | undefined> => {
    const files = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
    const held = files.filter((file) => file !== undefined && file.nlink === 0);
    return held.length === 0
      ? undefined
      : held.reduce((sum, file) => sum + (file?.blocks ?? 0) * BLOCK_BYTES, 0);
  };

  const find = async (slotId: string): Promise<readonly string[]> => {
    const paths = new Map<number, string>();
    for (const pid of await pids(slotId))
      for (const path of await openFilesBelow(upperDir, pid)) {
        const file = await stat(path).catch(() => undefined);
        if (file !== undefined && !paths.has(file.ino)) paths.set(file.ino, path);
      }
    return [...paths.values()];
  };

  return {
    /** Absent where the slot has written nothing that is its own. */
    read: async (slotId: string): Promise<number | undefined> => {
      const known = await bytesOf(found.get(slotId) ?? []);
      if (known !== undefined) return known;
      const paths = await find(slotId);
      found.set(slotId, paths);
      return bytesOf(paths);
    },
    forget: (slotId: string): void => void found.delete(slotId),
  };
}

/** The process may end meanwhile, and then holds nothing. */
async function openFilesBelow(folder: string, pid: number): Promise<string[]> {
  const dir = `/proc/${pid}/fd`;
  const paths = (await readdir(dir).catch(() => [])).map((fd) => join(dir, fd));
  const targets = await Promise.all(paths.map((path) => readlink(path).catch(() => '')));
  return paths.filter((_, index) => targets[index]?.startsWith(`${folder}/`));
}
