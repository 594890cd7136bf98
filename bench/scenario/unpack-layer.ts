import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defaultLayerLimits } from '@atoll/server/image/layer-limits';
import { unpackLayer } from '@atoll/server/image/unpack';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';

const execute = promisify(execFile);
const images = join(process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache/atoll'), 'images');
const TIMEOUT_MS = 600_000;

/**
 * The layer of the Debian image, 240 MB in 12,000 files, gzipped: through checks and jail, verified, against GNU tar
 * alone. Neither waits for the disk.
 */
export const unpackLayerScenario: Scenario = {
  name: 'unpacking a layer of 240 MB',
  goal: 1.2,
  rounds: { short: 2, full: 5 },
  open: async () => {
    const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-unpack-'));
    const { blob, diffId } = await layerOfDebian();
    /** Into a folder of its own, which goes before the next one. */
    const into = async (work: (target: string) => Promise<unknown>): Promise<number> => {
      const target = join(dir, 'target');
      await mkdir(target);
      try {
        return await timed(() => work(target));
      } finally {
        await rm(target, { recursive: true, force: true });
      }
    };
    const limits = defaultLayerLimits;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const unpack = (target: string) => unpackLayer({ blob, diffId, target, tempDir: dir, limits, signal });
    const argv = ['--extract', '--gzip', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--file', blob];
    const untar = (target: string) => execute('tar', [...argv, '--directory', target]);
    return {
      subject: { name: 'unpackLayer', run: () => into(unpack) },
      comparator: { name: 'tar -xz', run: () => into(untar) },
      close: () => rm(dir, { recursive: true, force: true }),
    };
  },
};

interface Descriptor {
  digest: string;
}

async function layerOfDebian(): Promise<{ blob: string; diffId: string }> {
  const layout = join(images, 'debian-minimal');
  const read = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, 'utf8')) as T; // an OCI layout
  const path = ({ digest }: Descriptor): string => join(layout, 'blobs', digest.replace(':', '/'));
  const [entry] = (await read<{ manifests: Descriptor[] }>(join(layout, 'index.json'))).manifests;
  if (entry === undefined) throw new Error(`no image in ${layout}: run make setup`);
  const manifest = await read<{ config: Descriptor; layers: Descriptor[] }>(path(entry));
  const config = await read<{ rootfs: { diff_ids: string[] } }>(path(manifest.config));
  const [layer] = manifest.layers;
  const [diffId] = config.rootfs.diff_ids;
  if (layer === undefined || diffId === undefined) throw new Error(`the image in ${layout} has no layer`);
  return { blob: path(layer), diffId };
}
