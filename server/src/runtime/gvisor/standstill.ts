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
  const isHeld = (slotId: string): Promise<boolean> => exists(slotPaths(paths, slotId).paused);
  /** Whoever wrote the file may have died before it paused; and gVisor refuses to pause what it has. */
  const pause = async (slotId: string): Promise<void> => {
    await writeFile(slotPaths(paths, slotId).paused, '');
    await run(runsc.pause(slotId), { timeoutMs: COMMAND_TIMEOUT_MS }).catch((error: unknown) => {
      if (!/in state paused/.test(String(error))) throw error;
    });
  };
  const isStill = async (slotId: string): Promise<boolean> =>
    (await isHeld(slotId)) || (await cgroups.isFrozen(slotId));
  return {
    isStill,
    /**
     * Answers what makes the sandbox again as it was. One that was frozen stays paused instead: it runs only until it is,
     * and a gVisor that is frozen twice without a new process in between kills the next one.
     */
    begin: async (slotId: string): Promise<() => Promise<void>> => {
      const wasStill = await isStill(slotId);
      const end = async (): Promise<void> => {
        if (!wasStill) await resume(slotId);
      };
      try {
        await cgroups.thaw(slotId);
        await pause(slotId);
      } catch (error) {
        await end();
        throw error;
      }
      return end;
    },
    resume,
    /** Makes sure that one that is to stand still does, where it was stopped from inside; answers whether it was. */
    hold: async (slotId: string): Promise<boolean> => {
      if (!(await isHeld(slotId))) return false;
      await pause(slotId);
      return true;
    },
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
