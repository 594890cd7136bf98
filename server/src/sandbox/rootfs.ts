import type { Rootfs } from '../image/image-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';

/** A runtime without isolation runs on the host's own files. */
const hostRootfs: Rootfs = { path: '/', layers: [], release: () => Promise.resolve() };

/** The merged layers of a sandbox's image, held until they are released. */
export const acquireRootfs = (context: SandboxContext, record: SandboxRecord): Promise<Rootfs> =>
  context.driver.capabilities.isolation === 'none'
    ? Promise.resolve(hostRootfs)
    : context.images.acquireRootfs(record.manifestDigest);

/** Lets go of a rootfs. A mount that stays behind is unmounted by the next reconcile. */
export async function releaseRootfs(context: SandboxContext, rootfs: Rootfs | undefined): Promise<void> {
  await rootfs?.release().catch((err: unknown) => context.log.warn({ err }, 'a rootfs stays mounted'));
}
