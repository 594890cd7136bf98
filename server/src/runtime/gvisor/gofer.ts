import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxSpec } from '../driver.ts';

/** Process ids come back; the command line tells who has this one. That of a zombie is empty. */
export async function isGoferOf(pid: number, containerId: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const args = commandLine.split('\0');
  return args.includes('gofer') && args.includes(containerId);
}

/** The file proxy of a container among these processes. */
export async function findGofer(pids: readonly number[], containerId: string): Promise<number> {
  for (const pid of pids) if (await isGoferOf(pid, containerId)) return pid;
  throw new Error(`container ${containerId} has no file proxy`);
}

/**
 * Whether a proxy that was started earlier sees the sandbox's files where they are now. It has a mount namespace of its
 * own, into which later mounts come only where the host shares them (`shareMounts`).
 */
export async function seesSameFiles(goferPid: number, spec: SandboxSpec): Promise<boolean> {
  const paths = [spec.rootfs, spec.agentBinary, spec.identityDir];
  return (await Promise.all(paths.map((path) => isSameFile(path, goferPid)))).every(Boolean);
}

async function isSameFile(path: string, goferPid: number): Promise<boolean> {
  const there = await stat(join(`/proc/${goferPid}/root`, path)).catch(() => undefined);
  const here = await stat(path);
  return here.dev === there?.dev && here.ino === there.ino;
}
