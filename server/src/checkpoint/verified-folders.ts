import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSingleFlight } from '../lib/single-flight.ts';
import { verifyManifest } from './manifest.ts';
import type { CheckpointManifest } from './manifest.ts';

/** What was read a moment ago would be read again from the same memory of the host. */
const FRESH_FOR_MS = 60_000;

interface Verified {
  stamp: string;
  manifest: CheckpointManifest;
  at: number;
}

interface Options {
  serverKey: Buffer;
  now: () => number;
}

/**
 * Verifies folders of checkpoints, and each once for all who start from it in the same minute: ten copies read as much
 * as one. Whatever writes to a file changes what its folder is known by, and it is verified anew.
 */
export function createVerifiedFolders({ serverKey, now }: Options) {
  const known = new Map<string, Verified>();
  const underWay = createSingleFlight<CheckpointManifest>();

  const note = (dir: string, stamp: string, manifest: CheckpointManifest): void => {
    const oldest = now() - FRESH_FOR_MS;
    for (const [path, { at }] of known) if (at < oldest) known.delete(path);
    known.set(dir, { stamp, manifest, at: now() });
  };

  const read = async (dir: string, stamp: string): Promise<CheckpointManifest> => {
    const manifest = await verifyManifest(dir, serverKey);
    if ((await stampOf(dir)) === stamp) note(dir, stamp, manifest);
    return manifest;
  };

  return {
    /** This folder was sealed a moment ago. */
    sealed: async (dir: string, manifest: CheckpointManifest): Promise<void> =>
      note(dir, await stampOf(dir), manifest),
    /** What is in it, if it is as it was sealed; throws else. */
    verify: async (dir: string, signal: AbortSignal): Promise<CheckpointManifest> => {
      const stamp = await stampOf(dir);
      const found = known.get(dir);
      if (found?.stamp === stamp && found.at >= now() - FRESH_FOR_MS) return found.manifest;
      return underWay.join(`${dir} ${stamp}`, () => read(dir, stamp), signal);
    },
  };
}

/** Another one after each write to a file, and after each that comes or goes. */
async function stampOf(dir: string): Promise<string> {
  const names = (await readdir(dir)).toSorted();
  const stamps = names.map(async (name) => {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(join(dir, name), { bigint: true });
    return [name, dev, ino, size, mtimeNs, ctimeNs].join(':');
  });
  return (await Promise.all(stamps)).join('/');
}
