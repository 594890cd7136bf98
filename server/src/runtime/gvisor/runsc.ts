import type { Slot } from '../driver.ts';
import { mainIdOf, podIdOf } from './slot-path.ts';
import type { DriverPaths, SlotPaths } from './slot-path.ts';

/** The argument lists of the two runsc commands that the driver needs. */
export interface RunscCommands {
  bootPod(slot: Slot, paths: SlotPaths): string[];
  runMain(slot: Slot, paths: SlotPaths): string[];
}

/** Flags of the sandbox as a whole; it takes them from the call that boots the pod. */
const sandboxFlags = [
  '--network=sandbox',
  '--host-settings=ignore',
  '--allow-suid=true',
  '--net-raw=true',
  '--in-sandbox-cgroup=v2',
  '--allow-rootfs-tar-annotation=true',
];

export function runscCommands(runscPath: string, paths: DriverPaths): RunscCommands {
  const base = [runscPath, `--root=${paths.runscRoot}`, ...sandboxFlags];
  return {
    bootPod: (slot, { pauseBundle }) => [
      ...base,
      '--overlay2=none',
      'run',
      '--detach',
      `--bundle=${pauseBundle}`,
      podIdOf(slot.id),
    ],
    runMain: (slot, { mainBundle }) => [
      ...base,
      `--overlay2=root:dir=${paths.upperDir},size=${slot.limits.diskMb}m`,
      'run',
      '--detach',
      `--bundle=${mainBundle}`,
      mainIdOf(slot.id),
    ],
  };
}
