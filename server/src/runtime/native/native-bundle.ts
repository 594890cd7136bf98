import { writeFile } from 'node:fs/promises';
import type { IdRange, SandboxSpec, Slot } from '../driver.ts';
import {
  AGENT_PATH,
  IDENTITY_PATH,
  OCI_VERSION,
  agentProcess,
  defaultCapabilities,
  extraMount,
  kernelMounts,
  maskedPaths,
  readonlyPaths,
} from '../oci-spec.ts';
import type { OciMount, OciNamespace, OciProcess, OciSpec } from '../oci-spec.ts';
import { deviceRules } from './device-rule.ts';
import type { NativeSlotPaths } from './native-path.ts';
import type { OciSeccomp } from './seccomp.ts';

/** What `atoll-idmap` lays out (agent/cmd/atoll-idmap) before it becomes the runtime. */
interface LayoutPlan {
  netns: string;
  idMap?: IdRange;
  lowers: readonly string[];
  disk: string;
  agent: string;
  identity: string;
  hide: readonly string[];
  /** Sources of further mounts; each appears in the stage under its number. */
  mounts: readonly string[];
  oomScoreAdj: number;
  openFiles: number;
}

/** What the runtime could not set from inside a user namespace is in the plan. */
interface NativeSpec extends Omit<OciSpec, 'process'> {
  process: Omit<OciProcess, 'oomScoreAdj' | 'rlimits'>;
}

export interface NativeBundle {
  slot: Slot;
  spec: SandboxSpec;
  /** Absent: without a user namespace. */
  ids: IdRange | undefined;
  /** Mount points that the runtime must not see. */
  hide: readonly string[];
  cgroupsPath: string;
  seccomp: OciSeccomp;
  /** What runs as PID 1 instead of the agent. */
  args?: readonly string[];
}

/**
 * Never negative: the sandbox could keep what it inherits, and the host's killer would take everybody else first. The
 * agent gives its children a higher one, so it goes last among its own.
 */
const AGENT_OOM_SCORE = 0;
const OPEN_FILES = 1_048_576;
/** Where `atoll-idmap` puts things, visible to the runtime alone. */
const STAGE = '/mnt';

/** Writes what starts the slot's container: the plan of its files and the OCI spec. */
export async function writeBundle(paths: NativeSlotPaths, bundle: NativeBundle): Promise<void> {
  await writeFile(paths.plan, JSON.stringify(layoutPlan(paths, bundle)), { mode: 0o600 });
  await writeFile(paths.config, JSON.stringify(nativeSpec(bundle)), { mode: 0o600 });
}

function layoutPlan(paths: NativeSlotPaths, { slot, spec, ids, hide }: NativeBundle): LayoutPlan {
  return {
    netns: slot.endpoint.netnsPath ?? '/proc/self/ns/net',
    ...(ids && { idMap: ids }),
    lowers: spec.layers.length > 0 ? spec.layers : [spec.rootfs],
    disk: spec.disk ?? paths.disk,
    agent: spec.agentBinary,
    identity: spec.identityDir,
    hide,
    mounts: (spec.mounts ?? []).map((mount) => (mount.kind === 'bind' ? mount.source : '')),
    oomScoreAdj: AGENT_OOM_SCORE,
    openFiles: OPEN_FILES,
  };
}

function nativeSpec({ slot, spec, ids, cgroupsPath, seccomp, args }: NativeBundle): NativeSpec {
  const further = (spec.mounts ?? []).map((mount, index) => extraMount(mount, `${STAGE}/mount/${index}`));
  const mapping = ids && [{ containerID: 0, hostID: ids.hostId, size: ids.count }];
  const { oomScoreAdj: _score, rlimits: _limits, ...agent } = agentProcess(defaultCapabilities, 0);
  return {
    ociVersion: OCI_VERSION,
    process: { ...agent, ...(args && { args }) },
    root: { path: `${STAGE}/rootfs`, readonly: false },
    hostname: spec.hostname,
    mounts: [
      ...kernelMounts(slot).filter((mount) => mount.destination !== '/sys'),
      ...stagedMounts,
      ...further,
    ],
    linux: {
      namespaces: namespacesOf(slot, ids !== undefined),
      ...(mapping && { uidMappings: mapping, gidMappings: mapping }),
      cgroupsPath,
      resources: { devices: deviceRules },
      seccomp,
      maskedPaths,
      readonlyPaths,
    },
  };
}

/** A user namespace cannot mount a sysfs for a network namespace that it does not own, so it gets one ready-made. */
const stagedMounts: readonly OciMount[] = [
  bindFromStage('sys', '/sys', ['nosuid', 'nodev', 'noexec']),
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['ro', 'nosuid', 'nodev', 'noexec'],
  },
  bindFromStage('agent', AGENT_PATH, ['nosuid']),
  bindFromStage('identity', IDENTITY_PATH, ['nosuid', 'nodev', 'noexec']),
];

function bindFromStage(name: string, destination: string, options: readonly string[]): OciMount {
  return { destination, type: 'bind', source: `${STAGE}/${name}`, options: ['bind', 'ro', ...options] };
}

function namespacesOf(slot: Slot, hasUserNamespace: boolean): OciNamespace[] {
  const { netnsPath } = slot.endpoint;
  return [
    { type: 'pid' },
    { type: 'mount' },
    { type: 'ipc' },
    { type: 'uts' },
    { type: 'cgroup' },
    ...(netnsPath === undefined ? [] : [{ type: 'network' as const, path: netnsPath }]),
    ...(hasUserNamespace ? [{ type: 'user' as const }] : []),
  ];
}
