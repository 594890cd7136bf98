import type { SandboxMount, SandboxSpec, Slot } from '../driver.ts';
import { hasOwnDisk } from './bundle.ts';
import type { MainFiles } from './bundle.ts';

interface Places {
  pauseRoot: string;
  pauseBundle: string;
  pauseBinary: string;
  lateMountsDir: string;
}

/** The binds of a step of a build that asks for none of its own: the names and the resolver of its sandbox. */
const STEP_BINDS = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'];

/** What stands in the spec of a `runsc run` that is held (`held-run.ts`) until the one that counts is known. */
export function preliminaryFiles(
  slot: Slot,
  { pauseRoot, pauseBundle, pauseBinary, lateMountsDir }: Places,
): MainFiles {
  const files = { rootfs: pauseRoot, identityDir: pauseBundle, agentBinary: pauseBinary };
  if (hasOwnDisk(slot)) return { ...files, lateMountsDir };
  const bind = (destination: string): SandboxMount => ({
    kind: 'bind',
    destination,
    source: pauseBinary,
    isReadonly: false,
  });
  return { ...files, mounts: STEP_BINDS.map(bind) };
}

/**
 * Whether a held command can go on with this spec. It takes the mounts from it alone: the process is the one that it was
 * held with, and so is the number of binds, for each of which the file proxy was given a connection.
 */
export function fitsHeldRun(slot: Slot, files: MainFiles & Pick<SandboxSpec, 'disk'>): boolean {
  const { needs, disk, mounts = [], lateMountsDir } = files;
  if (needs !== undefined && needs.capabilities.length > 0) return false;
  if (hasOwnDisk(slot) !== (disk === undefined)) return false;
  if (hasOwnDisk(slot)) return mounts.length === 0 && lateMountsDir !== undefined;
  return mounts.filter(({ kind }) => kind === 'bind').length === STEP_BINDS.length;
}
