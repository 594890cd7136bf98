import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, ok, probe, warn } from './check.ts';
import type { Check } from './check.ts';

/** In a mount namespace that ends with the command: nothing stays mounted, whatever happens. */
const overlay: Check = {
  id: 'overlay',
  title: 'overlay file system',
  async run(context) {
    const dir = await mkdtemp(join(existingParent(context.dataDir), '.atoll-doctor-'));
    try {
      const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) =>
        join(dir, name),
      );
      await Promise.all([lower, upper, work, merged].map((path) => mkdir(path ?? dir)));
      const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
      const mount = ['mount', '-t', 'overlay', 'overlay', '-o', options, `${merged}`];
      const answer = await probe(context, ['unshare', '--mount', '--propagation=private', ...mount]);
      if (answer?.works === true) return ok(`can be mounted over ${dirname(dir)}`);
      return fail(
        `cannot be mounted over ${dirname(dir)}: ${answer?.output ?? '`unshare` is not installed'}`,
        'Load the kernel module (modprobe overlay), and put --data-dir on ext4, xfs or btrfs.',
      );
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** The data folder itself is made when the server first starts. */
function existingParent(path: string): string {
  return existsSync(path) ? path : existingParent(dirname(path));
}

const loopDevices: Check = {
  id: 'loop',
  title: 'loop devices (disk limits of the native driver)',
  async run(context) {
    const answer = await probe(context, ['losetup', '--find']);
    if (answer?.works === true) return ok(`${answer.output} is free`);
    return warn(
      answer === undefined ? '`losetup` is not installed' : `none is free: ${answer.output}`,
      'modprobe loop; without them native sandboxes are watched for their disk use instead of bounded.',
    );
  },
};

export const storageChecks: readonly Check[] = [overlay, loopDevices];
