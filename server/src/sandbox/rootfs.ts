import type { Rootfs } from '../image/image-store.ts';
import type { SandboxMount } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';

/** All files that a sandbox finds: the merged layers of its image, and its volumes. */
export interface SandboxRootfs extends Rootfs {
  volumes: readonly SandboxMount[];
}

/** A runtime without isolation runs on the host's own files. */
const hostRootfs: SandboxRootfs = { path: '/', layers: [], volumes: [], release: () => Promise.resolve() };

/** The files of a sandbox, held until they are released. `isQuiet`: nothing may write to its volumes. */
export async function acquireRootfs(
  context: SandboxContext,
  record: SandboxRecord,
  options?: { isQuiet: boolean },
): Promise<SandboxRootfs> {
  if (context.driver.capabilities.isolation === 'none') return hostRootfs;
  const rootfs = await context.images.acquireRootfs(record.manifestDigest);
  try {
    const held = await context.volumes.hold(record.volumes ?? [], options);
    const release = (): Promise<void> => held.release().finally(() => rootfs.release());
    return { path: rootfs.path, layers: rootfs.layers, volumes: held.mounts, release };
  } catch (error) {
    await rootfs.release();
    throw error;
  }
}

/** Lets go of a rootfs. A mount that stays behind is unmounted by the next reconcile. */
export async function releaseRootfs(
  context: SandboxContext,
  rootfs: SandboxRootfs | undefined,
): Promise<void> {
  await rootfs?.release().catch((err: unknown) => context.log.warn({ err }, 'a rootfs stays mounted'));
}
