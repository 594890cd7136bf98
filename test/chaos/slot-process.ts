import { readdirSync, readFileSync } from 'node:fs';

/** Everything that runs in the control groups of a slot. */
export function processesOfSlot(slotId: string): { pid: number; line: string }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(slotId)) return [];
      return [{ pid: Number(pid), line: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
    } catch {
      return []; // it ended in between
    }
  });
}
