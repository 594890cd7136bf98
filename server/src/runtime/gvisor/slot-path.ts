import { join } from 'node:path';

/**
 * Where the driver keeps what belongs to one slot. Everything is found by the slot's id alone. runsc also looks for
 * containers by the beginning of their id, so none begins with another: slots' ids are equally long, and a pod's is not
 * the beginning of its container's.
 */
export interface SlotPaths {
  dir: string;
  /** Where a root file system is mounted that keeps what is written, or has volumes. */
  rootfs: string;
  /** The folders that volumes are mounted at, as a layer. */
  mountPoints: string;
  /** Bundle of the pod's root container, which does nothing. */
  pauseBundle: string;
  /** Bundle of the container with the image and the agent. */
  mainBundle: string;
  mainConfig: string;
  /** Named pipe that holds back the prepared `runsc run`. */
  gate: string;
  /** Says how far gVisor holds the slot's processes; absent while it does not. */
  paused: string;
  /** The host's memory limit in bytes, while the slot is charged for less than it uses; absent while it is in force. */
  waived: string;
  /** State files and socket that runsc keeps under its root. */
  runscFiles: readonly string[];
  /** The socket of gVisor's control server. */
  controlSocket: string;
  mainState: string;
  podState: string;
}

export interface DriverPaths {
  /** The `--root` of runsc. */
  runscRoot: string;
  slotsDir: string;
  /** Read-only root file system of all pause containers. */
  pauseRoot: string;
  /** Where runsc keeps the files, already unlinked, with the upper layers. */
  upperDir: string;
  /** Holds what sandboxes are shown after their start. */
  lateMountsDir: string;
  /** The empty network namespace that runsc pins for its file proxies. */
  nullNetns: string;
}

export const podIdOf = (slotId: string): string => slotId;
export const mainIdOf = (slotId: string): string => `main-${slotId}`;

export function driverPaths(runDir: string, dataDir: string): DriverPaths {
  const runscRoot = join(runDir, 'runsc');
  return {
    runscRoot,
    slotsDir: join(runDir, 'slot'),
    pauseRoot: join(runDir, 'pause-root'),
    upperDir: join(dataDir, 'upper'),
    lateMountsDir: join(runDir, 'late'),
    nullNetns: join(runscRoot, 'null-netns'),
  };
}

export function slotPaths(paths: DriverPaths, slotId: string): SlotPaths {
  const dir = join(paths.slotsDir, slotId);
  const stateOf = (containerId: string, suffix: string): string =>
    join(paths.runscRoot, `${containerId}_sandbox:${podIdOf(slotId)}.${suffix}`);
  const controlSocket = join(paths.runscRoot, `runsc-${podIdOf(slotId)}.sock`);
  const containers = [podIdOf(slotId), mainIdOf(slotId)];
  return {
    dir,
    rootfs: join(dir, 'rootfs'),
    mountPoints: join(dir, 'mount-points'),
    pauseBundle: join(dir, 'pause'),
    mainBundle: join(dir, 'main'),
    mainConfig: join(dir, 'main', 'config.json'),
    gate: join(dir, 'gate'),
    paused: join(dir, 'paused'),
    waived: join(dir, 'waived'),
    runscFiles: [
      ...containers.flatMap((id) => [stateOf(id, 'state'), stateOf(id, 'lock')]),
      stateOf(podIdOf(slotId), 'state.next'),
      controlSocket,
    ],
    controlSocket,
    mainState: stateOf(mainIdOf(slotId), 'state'),
    podState: stateOf(podIdOf(slotId), 'state'),
  };
}
