import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defaultLayerLimits } from '@atoll/server/image/layer-limits';
import { unpackLayer } from '@atoll/server/image/unpack';
import { debianLayer } from '../debian-layer.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';

const execute = promisify(execFile);
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
    const { blob, diffId } = await debianLayer();
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
