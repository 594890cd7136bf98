import { readFile, rename, watch, writeFile } from 'node:fs/promises';
import { isGoferOf } from './gofer.ts';

/** The parts of runsc's state files (container id → process ids) that matter here. */
interface StateFile {
  status?: string;
  goferPid?: number;
  sandbox?: { pid?: number; cgroup?: { cgroupv1?: unknown } };
}

/**
 * Whether the container of a state file still runs. Its file proxy tells: it holds the container's files and ends with
 * the last process of the container, also when the pod lives on, and, unlike `runsc state`, costs no process.
 */
export async function isContainerAlive(stateFile: string, containerId: string): Promise<boolean> {
  const { goferPid } = await readState(stateFile);
  return goferPid !== undefined && (await isGoferOf(goferPid, containerId));
}

/**
 * Resolves once runsc writes that the container of a state file runs, from this call on; rejects when the signal aborts.
 */
export async function untilRunning(stateFile: string, signal: AbortSignal): Promise<void> {
  for await (const _change of watch(stateFile, { signal }))
    if ((await readState(stateFile)).status === 'running') return;
}

/**
 * Makes runsc forget that the pod has cgroups. On cgroup v1 it would join and leave all of them, 20 ms, around the
 * start of each further container, although the caller is in them already (launch.ts). On v2 this costs nothing.
 */
export async function forgetCgroupV1(stateFile: string): Promise<void> {
  const state = await readState(stateFile);
  if (state.sandbox?.cgroup?.cgroupv1 === undefined) return;
  const next = { ...state, sandbox: { ...state.sandbox, cgroup: {} } };
  await writeFile(`${stateFile}.next`, JSON.stringify(next), { mode: 0o640 });
  await rename(`${stateFile}.next`, stateFile);
}

/** runsc replaces its state files in place, so a reader may meet half of one; that counts as none. */
async function readState(stateFile: string): Promise<StateFile> {
  try {
    const state: unknown = JSON.parse(await readFile(stateFile, 'utf8'));
    return typeof state === 'object' && state !== null ? state : {};
  } catch {
    return {};
  }
}
