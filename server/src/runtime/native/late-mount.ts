import { readFile } from 'node:fs/promises';
import { CommandError, run } from '../../lib/run.ts';
import type { LateMount } from '../driver.ts';
import { BusyError } from '../../lib/busy-error.ts';

interface Place {
  /** The program built from agent/cmd/atoll-idmap. */
  idmapBinary: string;
  /** PID 1 of the sandbox, by its number on the host. */
  firstPid: number;
}

const TIMEOUT_MS = 10_000;
/** How atoll-idmap ends where the mount is used. */
const BUSY_EXIT_CODE = 16;

/** Shows a folder of the host inside of the sandbox's mount namespace, with the sandbox's ids. */
export async function attachMount(
  { idmapBinary, firstPid }: Place,
  { source, destination }: LateMount,
  signal: AbortSignal,
): Promise<void> {
  await run([idmapBinary, 'attach', `${firstPid}`, source, destination], { timeoutMs: TIMEOUT_MS, signal });
}

export async function detachMount(
  { idmapBinary, firstPid }: Place,
  { source, destination }: LateMount,
  others: number,
): Promise<void> {
  const argv = [idmapBinary, 'detach', `${firstPid}`, source, destination, `${others}`];
  await run(argv, { timeoutMs: TIMEOUT_MS }).catch((cause: unknown) => {
    if (cause instanceof CommandError && cause.exitCode === BUSY_EXIT_CODE)
      throw new BusyError('the mount', { cause });
    throw cause;
  });
}

/** Of the processes of a sandbox the one that is PID 1 in it. */
export async function findFirst(pids: readonly number[]): Promise<number> {
  for (const pid of pids) if (await isFirst(pid)) return pid;
  throw new Error('the sandbox has no first process');
}

async function isFirst(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^NSpid:.*\s1$/m.test(status);
}
