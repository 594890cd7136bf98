import { run } from '../../lib/run.ts';
import type { Slot } from '../driver.ts';
import type { RunscCommands } from './runsc.ts';
import type { SlotPaths } from './slot-path.ts';
import { untilRunning } from './state-file.ts';

const TIMEOUT_MS = 30_000;

interface PodCheckpoint {
  paths: SlotPaths;
  dir: string;
  signal: AbortSignal;
}

/**
 * Gives the pod of a slot the checkpoint, which it begins to read; resolves once it has it, with the end of the command. At its end
 * the command looks at all containers of the pod, and so waits for a held one, which has its state file locked. It starts
 * nothing, so it need not be in the slot's cgroups: to join those takes as long as all that it does.
 */
export async function giveCheckpoint(
  { runsc }: { runsc: RunscCommands },
  slot: Slot,
  { paths, dir, signal }: PodCheckpoint,
): Promise<{ ended: Promise<void> }> {
  const enough = new AbortController();
  const isGiven = untilRunning(paths.podState, AbortSignal.any([signal, enough.signal]));
  const ended = run(runsc.restorePod(slot, paths, dir), { timeoutMs: TIMEOUT_MS, signal }).then(() => {});
  for (const either of [isGiven, ended]) either.catch(() => {}); // who waits for it is told
  try {
    await Promise.race([isGiven, ended]);
    return { ended };
  } finally {
    enough.abort();
  }
}
