import { access, rm, writeFile } from 'node:fs/promises';
import { run } from '../../lib/run.ts';
import type { Cgroups } from '../cgroup.ts';
import type { RunscCommands } from './runsc.ts';
import { slotPaths } from './slot-path.ts';
import type { DriverPaths } from './slot-path.ts';

const COMMAND_TIMEOUT_MS = 10_000;

export interface StandstillOptions {
  cgroups: Cgroups;
  runsc: RunscCommands;
  paths: DriverPaths;
}

export type Standstill = ReturnType<typeof createStandstill>;

/**
 * Stops the processes of a sandbox from inside, so that gVisor itself can still answer: frozen from outside it could not.
 * A file says so for as long as they are stopped, for who finds the slot after a crash.
 */
export function createStandstill({ cgroups, runsc, paths }: StandstillOptions) {
  const pause = async (slotId: string): Promise<void> => {
    const { paused } = slotPaths(paths, slotId);
    if (await exists(paused)) return;
    await writeFile(paused, '');
    await run(runsc.pause(slotId), { timeoutMs: COMMAND_TIMEOUT_MS });
  };
  return {
    /** Answers what makes the sandbox again as it was. One that was frozen runs not even for a moment: it is paused too. */
    begin: async (slotId: string): Promise<() => Promise<void>> => {
      const wasFrozen = await cgroups.isFrozen(slotId);
      const end = (): Promise<void> => (wasFrozen ? cgroups.freeze(slotId) : resume(slotId));
      try {
        if (wasFrozen) await cgroups.thaw(slotId);
        await pause(slotId);
      } catch (error) {
        await end();
        throw error;
      }
      return end;
    },
    resume,
  };

  /** Idempotent, and also for a slot whose pause was cut short: gVisor refuses to resume what it has not stopped. */
  async function resume(slotId: string): Promise<void> {
    const { paused } = slotPaths(paths, slotId);
    if (!(await exists(paused))) return;
    await run(runsc.resume(slotId), { timeoutMs: COMMAND_TIMEOUT_MS }).catch((error: unknown) => {
      if (!/in state running/.test(String(error))) throw error;
    });
    await rm(paused, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
