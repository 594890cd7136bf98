import { ApiError } from '@atoll/protocol/errors';
import type { RuntimeDriver } from './driver.ts';

type CheckpointCalls = Pick<RuntimeDriver, 'version' | 'checkpoint' | 'restore'>;

/** The calls of a driver that keeps sandboxes in memory only. */
export function refuseCheckpoints(driver: RuntimeDriver['name']): CheckpointCalls {
  const refuse = (what: string): Promise<never> =>
    Promise.reject(
      new ApiError('unsupported', `the runtime ${driver} cannot ${what}`, {
        hint: 'The runtime gvisor can: start the server with `--runtime gvisor`.',
      }),
    );
  return {
    version: () => Promise.resolve(driver),
    checkpoint: () => refuse('write a sandbox to disk'),
    restore: () => refuse('restore a sandbox from disk'),
  };
}
