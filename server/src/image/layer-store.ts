import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { randomId } from '../lib/id.ts';
import { run } from '../lib/run.ts';
import { digestPath } from './digest.ts';
import { makeMountPoints } from '../runtime/mount-point.ts';
import { publish, syncPath } from './durable.ts';
import type { LayerLimits } from './layer-limits.ts';
import { createSingleFlight } from '../lib/single-flight.ts';
import { unpackLayer } from './unpack.ts';

const layerSchema = z.object({
  sizeBytes: z.int(),
  entryCount: z.int(),
  whiteoutCount: z.int(),
  isOpaqueRoot: z.boolean(),
});
export type UnpackedLayerRecord = z.infer<typeof layerSchema>;

export interface LayerStore {
  /** The unpacked layer; absent when it has not been unpacked. */
  find(diffId: string): UnpackedLayerRecord | undefined;
  /** Directory with the layer's tree, as a lower directory of an overlay. */
  treePath(diffId: string): string;
  /** The lowest directory of every rootfs: places for the runtime's own mounts. It stays as it is. */
  readonly baseTree: string;
  /** Unpacks the layer unless it is here; who asks for one that is being unpacked waits for it. */
  ensure(diffId: string, blob: LayerBlob, signal: AbortSignal): Promise<UnpackedLayerRecord>;
  /** Every layer that is unpacked. */
  diffIds(): string[];
  /** Moves a layer out of sight, in one step, and tells its size. It stays on disk until the trash is emptied. */
  discard(diffId: string): number;
  emptyTrash(): Promise<void>;
  /** Resolves when nothing is being unpacked. */
  settled(): Promise<void>;
}

/** A layer as it is stored: compressed. */
export interface LayerBlob {
  digest: string;
  path: string;
}

interface Options {
  dir: string;
  /** Told which blob a layer was unpacked from. */
  onUnpacked: (diffId: string, blobDigest: string) => void;
  limits: LayerLimits;
  /** Ends what is being unpacked. */
  closing: AbortSignal;
}

const TEMP = 'tmp-';
/** Removed on opening like everything temporary. */
const TRASH = `${TEMP}trash-`;
const REMOVE_TIMEOUT_MS = 10 * 60_000;
const SYNC_TIMEOUT_MS = 10 * 60_000;

/**
 * Layers as directories, `<algorithm>/<hex of the diff id>/{tree,layer.json}`. One appears by rename, whole
 * and synced; what an earlier process left half done is removed on opening.
 */
export async function openLayerStore({ dir, limits, closing, onUnpacked }: Options): Promise<LayerStore> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const baseTree = join(dir, 'base');
  await makeMountPoints(baseTree);
  await removeLeftovers(dir);
  const flights = createSingleFlight<UnpackedLayerRecord>();
  const layerDir = (diffId: string): string => join(dir, digestPath(diffId));
  const find = (diffId: string): UnpackedLayerRecord | undefined => {
    const path = join(layerDir(diffId), 'layer.json');
    return existsSync(path) ? layerSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
  };
  const unpack = async (diffId: string, blob: LayerBlob): Promise<UnpackedLayerRecord> => {
    const temp = await mkdtemp(join(dir, TEMP));
    try {
      const target = join(temp, 'tree');
      await mkdir(target, { mode: 0o755 });
      const layer = await unpackLayer({
        blob: blob.path,
        diffId,
        target,
        tempDir: dir,
        limits,
        signal: closing,
      });
      await writeFile(join(temp, 'layer.json'), JSON.stringify(layer));
      await syncTree(temp);
      await publish(temp, layerDir(diffId));
      onUnpacked(diffId, blob.digest);
      return layer;
    } catch (error) {
      await removeTree(temp);
      throw error;
    }
  };
  return {
    baseTree,
    find,
    treePath: (diffId) => join(layerDir(diffId), 'tree'),
    ensure: async (diffId, blob, signal) =>
      find(diffId) ?? flights.join(diffId, () => unpack(diffId, blob), signal),
    diffIds: () =>
      ['sha256', 'sha512'].flatMap((algorithm) =>
        namesIn(join(dir, algorithm)).map((hex) => `${algorithm}:${hex}`),
      ),
    discard: (diffId) => {
      const sizeBytes = find(diffId)?.sizeBytes ?? 0;
      renameSync(layerDir(diffId), join(dir, `${TRASH}${diffId.replace(':', '-')}-${randomId(8)}`));
      return sizeBytes;
    },
    async emptyTrash() {
      const names = (await readdir(dir)).filter((name) => name.startsWith(TRASH));
      for (const name of names) await removeTree(join(dir, name));
    },
    settled: flights.settled,
  };
}

const namesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);

async function removeLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith(TEMP) || name.startsWith('jail-')) await removeTree(join(dir, name));
  }
}

async function removeTree(path: string): Promise<void> {
  await run(['rm', '--recursive', '--force', '--one-file-system', '--', path], {
    timeoutMs: REMOVE_TIMEOUT_MS,
  });
}

/** One call for the whole file system: a sync per file would take longer than the unpacking. */
async function syncTree(path: string): Promise<void> {
  await run(['sync', '--file-system', path], { timeoutMs: SYNC_TIMEOUT_MS });
  await syncPath(path);
}
