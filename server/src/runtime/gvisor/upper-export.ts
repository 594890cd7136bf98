import { access, rm, writeFile } from 'node:fs/promises';
import { outputOf } from '../../lib/output-of.ts';
import { run } from '../../lib/run.ts';
import type { Cgroups } from '../cgroup.ts';
import type { UpperExport } from '../driver.ts';
import type { RunscCommands } from './runsc.ts';
import { slotPaths } from './slot-path.ts';
import type { DriverPaths } from './slot-path.ts';

const COMMAND_TIMEOUT_MS = 10_000;
const EXPORT_TIMEOUT_MS = 30 * 60_000;

interface Options {
  cgroups: Cgroups;
  runsc: RunscCommands;
  paths: DriverPaths;
}

/**
 * Reads the upper layer of sandboxes. gVisor alone knows it, so its processes are stopped from inside: frozen from
 * outside it could not answer. A file says so for as long as they are, for who finds the slot after a crash.
 */
export function createUpperExport({ cgroups, runsc, paths }: Options) {
  const pause = async (slotId: string): Promise<void> => {
    const { paused } = slotPaths(paths, slotId);
    if (await exists(paused)) return;
    await writeFile(paused, '');
    await run(runsc.pause(slotId), { timeoutMs: COMMAND_TIMEOUT_MS });
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
    resume,
    /** One that was frozen stays stopped from inside as well, so that nothing in it runs even for a moment more. */
    export: async <T>(
      slotId: string,
      consume: (upper: UpperExport) => Promise<T>,
      signal: AbortSignal,
    ): Promise<T> => {
      const wasFrozen = await cgroups.isFrozen(slotId);
      try {
        if (wasFrozen) await cgroups.thaw(slotId);
        await pause(slotId);
        const options = { timeoutMs: EXPORT_TIMEOUT_MS, signal };
        return await consume({ tar: withoutRemark(outputOf(runsc.exportUpper(slotId), options)) });
      } finally {
        if (wasFrozen) await cgroups.freeze(slotId);
        else await resume(slotId);
      }
    },
  };
}

const REMARK = 'Serializing ';

/** runsc begins its output with a line for people, in front of the archive, whose first member is `./`. */
async function* withoutRemark(output: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of output) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    const isRemark = start.toString('latin1', 0, REMARK.length) === REMARK;
    const end = start.indexOf('\n') + 1;
    if (start.length < REMARK.length || (isRemark && end === 0)) continue;
    yield isRemark ? start.subarray(end) : start;
    start = undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
