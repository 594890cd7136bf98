import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, run } from '../../lib/run.ts';
import type { Cgroups } from '../cgroup.ts';
import { isMountPoint, makeMountPoints } from '../mount-point.ts';
import { AGENT_PATH } from '../oci-spec.ts';
import { idRangeOf } from './id-range.ts';
import { writeBundle } from './native-bundle.ts';
import { nativeSlotPaths } from './native-path.ts';
import type { NativePaths, NativeSlotPaths } from './native-path.ts';
import type { OciSeccomp } from './seccomp.ts';

/** How sandboxes are started on this host. */
export interface NativeRuntime {
  /** The program: `crun` or `runc`. */
  command: string;
  hasUserNamespaces: boolean;
  /** Mount points that the runtime must not see. */
  hide: readonly string[];
}

export interface NativeProbeOptions {
  idmapBinary: string;
  paths: NativePaths;
  cgroups: Cgroups;
  seccomp: OciSeccomp;
  /** Accept a host without user namespaces. */
  unsafeNative: boolean;
}

/** In order of preference: crun starts in half the time. */
const COMMANDS = ['crun', 'runc'];
const TIMEOUT_MS = 20_000;
/** A slot of its own: what a crash leaves of it is found and removed like any other. */
const PROBE_SLOT = 'nprobe00';

/**
 * Next to controllers of v1, this mount is empty; crun 1.8 takes it for a reason to refuse. Nothing in a sandbox
 * needs it.
 */
const EMPTY_UNIFIED_MOUNT = '/sys/fs/cgroup/unified';

/**
 * Finds the first runtime of this host that starts a container with mapped ids. Tried, not deduced from versions:
 * kernels, file systems and runtimes differ in what they can map.
 */
export async function probeNativeRuntime(options: NativeProbeOptions): Promise<NativeRuntime> {
  const hide = (await isMountPoint(EMPTY_UNIFIED_MOUNT)) ? [EMPTY_UNIFIED_MOUNT] : [];
  const failures: string[] = [];
  for (const hasUserNamespaces of options.unsafeNative ? [true, false] : [true]) {
    for (const command of COMMANDS) {
      const failure = await tryRuntime({ command, hasUserNamespaces, hide }, options);
      if (failure === undefined) return { command, hasUserNamespaces, hide };
      failures.push(failure);
    }
  }
  throw new Error(
    `no OCI runtime of this host can run native sandboxes: ${failures.join('; ')}. ${hintOf(failures)}`,
  );
}

/** The kernel refuses namespaces of users with one of these; nothing else is a reason to go without them. */
const REFUSED = /No space left on device|Operation not permitted|user namespace/i;

const hintOf = (failures: readonly string[]): string =>
  failures.some((failure) => REFUSED.test(failure))
    ? '`atoll doctor` says what is missing; --unsafe-native runs without user namespaces'
    : '`atoll doctor` says what is missing';

/** Why the runtime cannot be used, or undefined. The container runs the layout program itself, which ends at once. */
async function tryRuntime(runtime: NativeRuntime, options: NativeProbeOptions): Promise<string | undefined> {
  const { stateRoot } = options.paths;
  const paths = nativeSlotPaths(options.paths, PROBE_SLOT);
  try {
    await writeProbe(paths, runtime, options);
    const command = [runtime.command, '--root', stateRoot, 'run', '--bundle', paths.bundle, PROBE_SLOT];
    await run([options.idmapBinary, paths.plan, ...command], { timeoutMs: TIMEOUT_MS });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const ids = runtime.hasUserNamespaces ? 'with' : 'without';
    return `${runtime.command} ${ids} user namespaces: ${error.stderr.trim() || error.message}`;
  } finally {
    await options.cgroups.remove(PROBE_SLOT);
    for (const dir of [paths.bundle, paths.diskDir, join(stateRoot, PROBE_SLOT)])
      await rm(dir, { recursive: true, force: true });
  }
}

async function writeProbe(
  paths: NativeSlotPaths,
  runtime: NativeRuntime,
  options: NativeProbeOptions,
): Promise<void> {
  const rootfs = join(paths.diskDir, 'rootfs');
  const folders = ['proc', 'sys', 'dev'].map((name) => join(rootfs, name));
  const disk = ['upper', 'work'].map((name) => join(paths.bundle, 'disk', name));
  for (const dir of [...folders, ...disk]) await mkdir(dir, { recursive: true });
  await makeMountPoints(rootfs);
  const slot = {
    id: PROBE_SLOT,
    endpoint: { host: '127.0.0.1', port: 0 },
    limits: { cpus: 1, memoryMb: 64, diskMb: 1 },
  };
  await writeBundle(
    { ...paths, disk: join(paths.bundle, 'disk') },
    {
      slot,
      spec: {
        sandboxId: PROBE_SLOT,
        incarnation: 0,
        hostname: PROBE_SLOT,
        rootfs,
        layers: [rootfs],
        agentBinary: options.idmapBinary,
        identityDir: paths.bundle,
      },
      ids: runtime.hasUserNamespaces ? idRangeOf(slot) : undefined,
      hide: runtime.hide,
      cgroupsPath: options.cgroups.specPath(PROBE_SLOT),
      seccomp: options.seccomp,
      args: [AGENT_PATH, 'wait'],
    },
  );
}
