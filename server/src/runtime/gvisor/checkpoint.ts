import { run } from '../../lib/run.ts';
import type { RunscCommands } from './runsc.ts';
import type { Standstill } from './standstill.ts';

/** What is written is memory and files of one sandbox, at the speed of the disk. */
const WRITE_TIMEOUT_MS = 10 * 60_000;

export interface CheckpointRequest {
  dir: string;
  leaveRunning: boolean;
  /** Whether it is frozen, and so neither runs meanwhile nor afterwards. */
  isFrozen: boolean;
  signal: AbortSignal;
}

/**
 * A sandbox is never ended by its checkpoint: one that shall not go on is paused before and stays so, because two pauses
 * count. Whoever dies in the middle, either the checkpoint is whole or the sandbox is there to go on.
 */
export async function checkpointSlot(
  { runsc, standstill }: { runsc: RunscCommands; standstill: Standstill },
  slotId: string,
  { dir, leaveRunning, isFrozen, signal }: CheckpointRequest,
): Promise<void> {
  const write = (): Promise<unknown> =>
    run(runsc.checkpoint(slotId, dir), { timeoutMs: WRITE_TIMEOUT_MS, signal });
  if (leaveRunning && !isFrozen) return void (await write());
  const end = await standstill.begin(slotId);
  try {
    await write();
  } catch (error) {
    await end();
    throw error;
  }
  if (leaveRunning || isFrozen) await end();
}
