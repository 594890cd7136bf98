import type { GuestFlavour, Slot } from '../driver.ts';
import { mainIdOf, podIdOf } from './slot-path.ts';
import type { DriverPaths, SlotPaths } from './slot-path.ts';

/** The argument lists of the runsc commands that the driver needs. */
export interface RunscCommands {
  bootPod(slot: Slot, paths: SlotPaths): string[];
  runMain(slot: Slot, paths: SlotPaths): string[];
  /** The pod as it is before it begins, which a checkpoint can be restored into. */
  createPod(slot: Slot, paths: SlotPaths): string[];
  restorePod(slot: Slot, paths: SlotPaths, dir: string): string[];
  /** With it the checkpoint that the pod has been given goes on. */
  restoreMain(slot: Slot, paths: SlotPaths): string[];
  /** Of a sandbox that has not begun. */
  deleteMain(slotId: string): string[];
  /** The sandbox lives on in every case: what ends it is `remove`, once its checkpoint is safe. */
  checkpoint(slotId: string, dir: string): string[];
  /** Prints what the container has changed of its files, as tar. */
  exportUpper(slotId: string): [string, ...string[]];
  /** What it writes goes into its root file system instead of a private upper layer. */
  runWriting(slot: Slot, paths: SlotPaths): string[];
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
  const pod = ({ flavour }: Slot): string[] => [...base, ...flavourFlags(flavour), '--overlay2=none'];
  const main = ({ flavour, limits }: Slot): string[] => [
    ...base,
    ...flavourFlags(flavour),
    `--overlay2=root:dir=${paths.upperDir},size=${limits.diskMb}m`,
  ];
  return {
    bootPod: (slot, { pauseBundle }) => [
      ...pod(slot),
      'run',
      '--detach',
      `--bundle=${pauseBundle}`,
      podIdOf(slot.id),
    ],
    runMain: (slot, { mainBundle }) => [
      ...main(slot),
      'run',
      '--detach',
      `--bundle=${mainBundle}`,
      mainIdOf(slot.id),
    ],
    createPod: (slot, { pauseBundle }) => [
      ...pod(slot),
      'create',
      `--bundle=${pauseBundle}`,
      podIdOf(slot.id),
    ],
    restorePod: (slot, { pauseBundle }, dir) => [
      ...pod(slot),
      'restore',
      '--detach',
      `--image-path=${dir}`,
      `--bundle=${pauseBundle}`,
      podIdOf(slot.id),
    ],
    restoreMain: (slot, { mainBundle }) => [
      ...main(slot),
      'restore',
      '--detach',
      // Has to be something, and is read for the pod alone.
      `--image-path=${mainBundle}`,
      `--bundle=${mainBundle}`,
      mainIdOf(slot.id),
    ],
    deleteMain: (slotId) => [...base, 'delete', '--force', mainIdOf(slotId)],
    checkpoint: (slotId, dir) => [
      ...base,
      'checkpoint',
      '--leave-running',
      `--image-path=${dir}`,
      podIdOf(slotId),
    ],
    exportUpper: (slotId) => [...base, 'tar', 'rootfs-upper', mainIdOf(slotId)],
    runWriting: (slot, { mainBundle }) => [
      ...base,
      ...flavourFlags(slot.flavour),
      '--overlay2=none',
      'run',
      '--detach',
      `--bundle=${mainBundle}`,
      mainIdOf(slot.id),
    ],
  };
}
