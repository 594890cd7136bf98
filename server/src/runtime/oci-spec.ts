/** The part of an OCI runtime spec that the gvisor and native drivers have in common. */
import type { SandboxMount, SandboxSpec, Slot } from './driver.ts';

export interface OciMount {
  destination: string;
  type: string;
  source: string;
  options?: readonly string[];
}

export interface OciProcess {
  terminal: boolean;
  user: { uid: number; gid: number };
  args: readonly string[];
  env: readonly string[];
  cwd: string;
  capabilities: Record<CapabilitySet, readonly string[]>;
  rlimits: readonly { type: string; hard: number; soft: number }[];
  noNewPrivileges: boolean;
  oomScoreAdj: number;
}

export interface OciNamespace {
  type: 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'cgroup' | 'user';
  path?: string;
}

export interface OciSpec {
  ociVersion: string;
  process: OciProcess;
  root: { path: string; readonly: boolean };
  hostname?: string;
  mounts: readonly OciMount[];
  annotations?: Readonly<Record<string, string>>;
  linux: {
    namespaces: readonly OciNamespace[];
    cgroupsPath?: string;
    maskedPaths?: readonly string[];
    readonlyPaths?: readonly string[];
    [key: string]: unknown;
  };
}

type CapabilitySet = 'bounding' | 'effective' | 'permitted' | 'inheritable';

export const OCI_VERSION = '1.0.2';

/** Where the agent and its identity are inside a sandbox. */
export const AGENT_PATH = '/.atoll/agent';
/** The agent's binary as the builder of published clients. */
export const BUILDER_COMMAND = `${AGENT_PATH} rootfs-build`;
export const IDENTITY_PATH = '/.atoll/identity';
/** Where gVisor's sandboxes find what is mounted after their start, before it is bound to its own place. */
export const LATE_MOUNTS_PATH = '/.atoll/mounts';

/** What Docker grants: enough for apt, sudo, ping and servers on low ports. */
export const defaultCapabilities = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
] as const;

/** Parts of /proc and /sys that tell about, or reach, the host. */
export const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
] as const;

export const readonlyPaths = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
] as const;

const MIN_SHM_MB = 64;
const DEV_SIZE_KB = 65536;

/** The agent as PID 1 of the sandbox. The score is the host's: what its OOM killer makes of the process. */
export function agentProcess(capabilities: readonly string[], oomScoreAdj: number): OciProcess {
  return {
    terminal: false,
    user: { uid: 0, gid: 0 },
    args: [AGENT_PATH, '--identity', IDENTITY_PATH],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    cwd: '/',
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: [],
    },
    rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1_048_576, soft: 1_048_576 }],
    // sudo raises privileges inside the sandbox, which is where they end.
    noNewPrivileges: false,
    oomScoreAdj,
  };
}

/** Kernel file systems, each tmpfs with a size, as what they hold is memory; gVisor honours that of /dev/shm alone. */
export function kernelMounts(slot: Slot): OciMount[] {
  const shmMb = Math.max(MIN_SHM_MB, Math.floor(slot.limits.memoryMb / 4));
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', `size=${DEV_SIZE_KB}k`],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmMb}m`],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  ];
}

/** The only paths of the host that a sandbox sees beside the mounts of its spec. */
export function agentMounts(spec: Pick<SandboxSpec, 'agentBinary' | 'identityDir'>): OciMount[] {
  return [
    { destination: AGENT_PATH, type: 'bind', source: spec.agentBinary, options: ['bind', 'ro', 'nosuid'] },
    {
      destination: IDENTITY_PATH,
      type: 'bind',
      source: spec.identityDir,
      options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
    },
  ];
}

/** A mount of the spec; `source` is where a bind's files are. */
export function extraMount(mount: SandboxMount, source: string): OciMount {
  const { destination } = mount;
  if (mount.kind === 'tmpfs') {
    const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
    return {
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'mode=1777', ...size],
    };
  }
  const access = mount.isReadonly ? 'ro' : 'rw';
  return { destination, type: 'bind', source, options: ['bind', access, 'nosuid', 'nodev'] };
}
