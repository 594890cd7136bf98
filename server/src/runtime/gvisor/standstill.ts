import { access, rm, writeFile } from 'node:fs/promises';
import { run } from '../../lib/run.ts';
import type { RunscCommands } from './runsc.ts';
import { slotPaths } from './slot-path.ts';
import type { DriverPaths } from './slot-path.ts';

const COMMAND_TIMEOUT_MS = 10_000;

export interface StandstillOptions {
  runsc: RunscCommands;
  paths: DriverPaths;
}

export type Standstill = ReturnType<typeof createStandstill>;

/**
 * Stops the processes of a sandbox from inside. From outside, by the freezer of its control group, it would be quicker,
 * but gVisor could not answer then, and one that is frozen twice kills the next process that it starts: the stub that it
 * keeps ready for that does not survive. A file says so for as long as they are stopped, for who finds the slot after a
 * crash.
 */
export function createStandstill({ runsc, paths }: StandstillOptions) {
  const isStill = (slotId: string): Promise<boolean> => exists(slotPaths(paths, slotId).paused);
  /** Idempotent: whoever wrote the file may have died before it paused, and gVisor refuses to pause what it has. */
  const pause = async (slotId: string): Promise<void> => {
    await writeFile(slotPaths(paths, slotId).paused, '');
    await run(runsc.pause(slotId), { timeoutMs: COMMAND_TIMEOUT_MS }).catch((error: unknown) => {
      if (!/in state paused/.test(String(error))) throw error;
    });
  };
  /** Idempotent, and also for a slot whose pause was cut short: gVisor refuses to resume what it has not stopped. */
  const resume = async (slotId: string): Promise<void> => {
    const { paused } = slotPaths(paths, slotId);
    if (!(await exists(paused))) return;
    await run(runsc.resume(slotId), { timeoutMs: COMMAND_TIMEOUT_MS }).catch((error: unknown) => {
      if (!/in state running/.test(String(error))) throw error;
    });
    await rm(paused, { force: true });
  };
  return {
    isStill,
    pause,
    resume,
    /** Answers what makes the sandbox again as it was. */
    begin: async (slotId: string): Promise<() => Promise<void>> => {
      const wasStill = await isStill(slotId);
      const end = async (): Promise<void> => {
        if (!wasStill) await resume(slotId);
      };
      try {
        await pause(slotId);
      } catch (error) {
        await end();
        throw error;
      }
      return end;
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
