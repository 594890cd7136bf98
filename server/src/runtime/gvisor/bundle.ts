import type { SandboxSpec, Slot, TmpfsMount } from '../driver.ts';
import {
  agentMounts,
  agentProcess,
  defaultCapabilities,
  extraMount,
  kernelMounts,
  OCI_VERSION,
} from '../oci-spec.ts';
import type { OciMount, OciNamespace, OciSpec } from '../oci-spec.ts';
import { lateMountsFolder } from './late-mounts.ts';
import { podIdOf } from './slot-path.ts';

/**
 * Inside gVisor a capability reaches the sandbox's own kernel only. Debuggers want SYS_PTRACE; SYS_ADMIN lets root mount
 * things and the agent change the host name, which the pod has had since before the sandbox was known.
 */
const capabilities = [...defaultCapabilities, 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'];

const PAUSE_PATH = '/pause';

const cri = (name: string): string => `io.kubernetes.cri.${name}`;

/** The names that runsc needs in the pause root because nothing can be made in it. */
export const pauseRootEntries = { files: ['pause'], dirs: ['dev', 'proc', 'sys', 'tmp'] };

/** What all sandboxes of a size have in common. */
export interface Pod {
  hostname: string;
  pauseBinary: string;
  rootfs: string;
  cgroupsPath: string;
}

/**
 * The pod's root container. It is booted ahead of time, in the slot's network namespace and cgroup, from which the
 * sandbox takes its address, CPU count and memory size; the image's container joins it later.
 */
export function pauseSpec(slot: Slot, pod: Pod): OciSpec {
  const { hostname, pauseBinary, rootfs, cgroupsPath } = pod;
  return {
    ociVersion: OCI_VERSION,
    process: { ...agentProcess([], 0), args: [PAUSE_PATH, 'pause'] },
    root: { path: rootfs, readonly: true },
    hostname,
    mounts: [{ destination: PAUSE_PATH, type: 'bind', source: pauseBinary, options: ['bind', 'ro'] }],
    annotations: { [cri('container-type')]: 'sandbox', [cri('sandbox-id')]: podIdOf(slot.id) },
    linux: { namespaces: [...isolated, networkOf(slot)], cgroupsPath },
  };
}

/** Without one, what a sandbox writes goes where its spec says. */
export const hasOwnDisk = ({ limits }: Slot): boolean => limits.diskMb > 0;

/** What of a sandbox goes into its bundle. */
export interface MainFiles extends Pick<
  SandboxSpec,
  'rootfs' | 'agentBinary' | 'identityDir' | 'needs' | 'mounts'
> {
  /** The slot's folder for late mounts; absent for who gets none. */
  lateMountsDir?: string;
}

/** The container with the image's files and the agent as PID 1. */
export function mainSpec(slot: Slot, spec: MainFiles): OciSpec {
  return {
    ociVersion: OCI_VERSION,
    process: agentProcess(capabilitiesOf(spec), 0),
    root: { path: spec.rootfs, readonly: false },
    mounts: [
      ...kernelMounts(slot).map(readOnlyDev),
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['rw'] },
      ...(isTmpfs(spec, '/tmp') ? [] : [keepTmpOnDisk]),
      ...(spec.needs?.tmpfs ?? []).map(tmpfsMount),
      ...agentMounts(spec),
      ...(spec.mounts ?? []).map((mount) => extraMount(mount, mount.kind === 'bind' ? mount.source : '')),
      ...(spec.lateMountsDir === undefined ? [] : [lateMountsFolder(spec.lateMountsDir)]),
    ],
    annotations: {
      [cri('container-type')]: 'container',
      [cri('sandbox-id')]: podIdOf(slot.id),
      [cri('container-name')]: 'main',
    },
    linux: { namespaces: isolated },
  };
}

const capabilitiesOf = ({ needs }: MainFiles): string[] => [
  ...new Set([...capabilities, ...(needs?.capabilities ?? [])]),
];

const isTmpfs = ({ needs }: MainFiles, path: string): boolean =>
  needs?.tmpfs.some((mount) => mount.path === path) ?? false;

const tmpfsMount = ({ path, sizeMb }: TmpfsMount): OciMount => ({
  destination: path,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', 'nodev', path === '/tmp' ? 'mode=1777' : 'mode=755', `size=${sizeMb}m`],
});

/**
 * runsc's file system for /dev ignores the size that it is given, and what it holds is memory. Devices in it work as
 * before; root may mount it anew, as it may any tmpfs.
 */
function readOnlyDev(mount: OciMount): OciMount {
  if (mount.destination !== '/dev') return mount;
  return { ...mount, options: [...(mount.options ?? []), 'ro'] };
}

const isolated: readonly OciNamespace[] = [
  { type: 'pid' },
  { type: 'ipc' },
  { type: 'uts' },
  { type: 'mount' },
];

const networkOf = (slot: Slot): OciNamespace =>
  slot.endpoint.netnsPath === undefined
    ? { type: 'network' }
    : { type: 'network', path: slot.endpoint.netnsPath };

/**
 * Over an empty /tmp runsc mounts a tmpfs without a size, unless the spec names a mount there. A type that it does
 * not know counts as one and is then skipped, so /tmp stays part of the disk and under its limit.
 */
const keepTmpOnDisk = { destination: '/tmp', type: 'none-disk', source: 'none' };
