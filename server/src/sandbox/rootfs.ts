import type { Rootfs } from '../image/image-store.ts';
import type { LateMount, SandboxMount } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { LateVolume } from '../store/volume-mount.ts';
import { isLate } from '../store/volume-mount.ts';
import type { SandboxContext } from './context.ts';

/** A volume that came while the sandbox ran, on the host until it is released. */
export interface HeldLate {
  mount: LateMount;
  release: () => Promise<void>;
}

/** All files that a sandbox finds: the merged layers of its image, and its volumes. */
export interface SandboxRootfs extends Rootfs {
  /** Those that it was created with. */
  volumes: readonly SandboxMount[];
  /** Those that came later, by their late ids; they may come and go. */
  late: Map<string, HeldLate>;
}

/** A runtime without isolation runs on the host's own files. */
const hostRootfs = (): SandboxRootfs => ({
  path: '/',
  layers: [],
  volumes: [],
  late: new Map(),
  release: () => Promise.resolve(),
});

/** The files of a sandbox, held until they are released. `isQuiet`: nothing may write to its volumes. */
export async function acquireRootfs(
  context: SandboxContext,
  record: SandboxRecord,
  options?: { isQuiet: boolean },
): Promise<SandboxRootfs> {
  if (context.driver.capabilities.isolation === 'none') return hostRootfs();
  const { path, layers, release } = await context.images.acquireRootfs(record.manifestDigest);
  const late: SandboxRootfs['late'] = new Map();
  const held = { release, late };
  const all = record.volumes ?? [];
  try {
    for (const volume of all.filter(isLate))
      late.set(volume.lateId, await holdLate(context, volume, options));
    const first = all.filter((volume) => !isLate(volume));
    const { mounts, release: releaseFirst } = await context.volumes.hold(first, options);
    return { path, layers, volumes: mounts, late, release: () => releaseFirst().finally(() => letGo(held)) };
  } catch (error) {
    await letGo(held);
    throw error;
  }
}

export async function holdLate(
  context: SandboxContext,
  volume: LateVolume,
  options?: { isQuiet: boolean },
): Promise<HeldLate> {
  const { mounts, release } = await context.volumes.hold([volume], options);
  const [mount] = mounts;
  if (mount === undefined) throw new Error(`volume ${volume.volumeId} is nowhere`);
  const { source, destination } = mount;
  return { mount: { id: volume.lateId, source, destination }, release };
}

async function letGo({ release, late }: Pick<SandboxRootfs, 'release' | 'late'>): Promise<void> {
  try {
    for (const held of late.values()) await held.release();
  } finally {
    late.clear();
    await release();
  }
}

/** Lets go of a rootfs. A mount that stays behind is unmounted by the next reconcile. */
export async function releaseRootfs(
  context: SandboxContext,
  rootfs: SandboxRootfs | undefined,
): Promise<void> {
  await rootfs?.release().catch((err: unknown) => context.log.warn({ err }, 'a rootfs stays mounted'));
}
