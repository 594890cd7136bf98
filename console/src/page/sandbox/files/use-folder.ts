import type { DirectoryEntry } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { useLoad } from '../../../ui/use-load.ts';
import type { Loaded } from '../../../ui/use-load.ts';

/** Where images of the platform work; others may not have it. */
export const HOME = '/workspace';

export interface Folder {
  path: string;
  entries: DirectoryEntry[];
}

/** The entries of a folder of a sandbox; without a path those of where it works. */
export function useFolder(sandboxId: string, path: string): Loaded<Folder> {
  const { clients } = useConsole();
  return useLoad(`${sandboxId}:${path}`, async (signal) => {
    const sandbox = await clients.sandboxes.connect(sandboxId, { signal });
    const list = async (folder: string): Promise<Folder> => ({
      path: folder,
      entries: (await sandbox.listDirectory(folder, { signal })).entries,
    });
    return path === '' ? list(HOME).catch(() => list('/')) : list(path);
  });
}

/** A path below a folder. */
export const joinPath = (folder: string, name: string): string => `${folder === '/' ? '' : folder}/${name}`;

/** The folder that a path is in. */
export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
