import type { GuestFlavour, Slot } from '../driver.ts';
import { mainIdOf, podIdOf } from './slot-path.ts';
import type { DriverPaths, SlotPaths } from './slot-path.ts';

/** The argument lists of the runsc commands that the driver needs. */
export interface RunscCommands {
  bootPod(slot: Slot, paths: SlotPaths): string[];
  runMain(slot: Slot, paths: SlotPaths): string[];
  /** Stops all processes of the pod; gVisor itself goes on and answers. */
  pause(slotId: string): string[];
  resume(slotId: string): string[];
  /** Prints what the container has changed of its files, as tar. */
  exportUpper(slotId: string): [string, ...string[]];
}

/** Flags of every sandbox as a whole; it takes them from the call that boots the pod. */
const sandboxFlags = [
  '--network=sandbox',
  '--host-settings=ignore',
  '--allow-suid=true',
  '--net-raw=true',
  '--allow-rootfs-tar-annotation=true',
];

const usualFlavour: GuestFlavour = { cgroup: 'v2', packetSockets: false };

/**
 * What images may choose (SECURITY.md). runsc checks for each container that its flags are those of the pod, so both
 * calls pass them.
 */
const flavourFlags = ({ cgroup, packetSockets }: GuestFlavour = usualFlavour): string[] => [
  `--in-sandbox-cgroup=${cgroup}`,
  ...(packetSockets ? ['--allow-packet-socket-write=true'] : []),
];

export function runscCommands(runscPath: string, paths: DriverPaths): RunscCommands {
  const base: [string, ...string[]] = [runscPath, `--root=${paths.runscRoot}`, ...sandboxFlags];
  return {
    bootPod: (slot, { pauseBundle }) => [
      ...base,
      ...flavourFlags(slot.flavour),
      '--overlay2=none',
      'run',
      '--detach',
      `--bundle=${pauseBundle}`,
      podIdOf(slot.id),
    ],
    runMain: (slot, { mainBundle }) => [
      ...base,
      ...flavourFlags(slot.flavour),
      `--overlay2=root:dir=${paths.upperDir},size=${slot.limits.diskMb}m`,
      'run',
      '--detach',
      `--bundle=${mainBundle}`,
      mainIdOf(slot.id),
    ],
    pause: (slotId) => [...base, 'pause', mainIdOf(slotId)],
    resume: (slotId) => [...base, 'resume', mainIdOf(slotId)],
    exportUpper: (slotId) => [...base, 'tar', 'rootfs-upper', mainIdOf(slotId)],
  };
}
