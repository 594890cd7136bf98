import { join } from 'node:path';

/** Where the driver keeps what belongs to all slots. */
export interface NativePaths {
  /** The runtime's own records of containers (`--root`). */
  stateRoot: string;
  bundlesDir: string;
  disksDir: string;
}

/** Where it keeps what belongs to one slot. Everything is found by the slot's id alone. */
export interface NativeSlotPaths {
  bundle: string;
  config: string;
  plan: string;
  containerState: string;
  diskDir: string;
  diskImage: string;
  /** Where the disk is mounted, with `upper` and `work` in it. */
  disk: string;
}

export function nativePaths(runDir: string, dataDir: string): NativePaths {
  const root = join(runDir, 'native');
  return {
    stateRoot: join(root, 'state'),
    bundlesDir: join(root, 'slot'),
    disksDir: join(dataDir, 'native'),
  };
}

export function nativeSlotPaths(paths: NativePaths, slotId: string): NativeSlotPaths {
  const bundle = join(paths.bundlesDir, slotId);
  const diskDir = join(paths.disksDir, slotId);
  return {
    bundle,
    config: join(bundle, 'config.json'),
    plan: join(bundle, 'plan.json'),
    containerState: join(paths.stateRoot, slotId),
    diskDir,
    diskImage: join(diskDir, 'image'),
    disk: join(diskDir, 'mount'),
  };
}
