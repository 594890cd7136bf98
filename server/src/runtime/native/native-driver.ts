import { access, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { arch, release } from 'node:os';
import { dirname, join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import type { Program } from '../../lib/program.ts';
import { awaitAgentReady } from '../agent-ready.ts';
import type { Cgroups } from '../cgroup.ts';
import type { RuntimeDriver, SandboxSpec, Slot, SlotEndpoint } from '../driver.ts';
import { defaultCapabilities } from '../oci-spec.ts';
import { launchInCgroup } from '../launch.ts';
import { attachMount, detachMount, findFirst } from './late-mount.ts';
import { refuseCheckpoints } from '../no-checkpoint.ts';
import { createDisk, removeDisk, usedBytes } from '../disk.ts';
import { createSlotOperations } from '../slot-operation.ts';
import { idRangeOf } from './id-range.ts';
import { writeBundle } from './native-bundle.ts';
import { exportUpper } from './export-upper.ts';
import { nativePaths, nativeSlotPaths } from './native-path.ts';
import type { NativePaths, NativeSlotPaths } from './native-path.ts';
import { probeNativeRuntime } from './native-probe.ts';
import type { NativeRuntime } from './native-probe.ts';
import { readDefaultSeccompProfile, toOciSeccomp } from './seccomp.ts';
import type { OciSeccomp } from './seccomp.ts';

export interface NativeDriverOptions {
  /** The program built from agent/cmd/atoll-idmap. */
  idmapBinary: string;
  /** On a tmpfs, such as /run/atoll/<instance>. */
  runDir: string;
  /** Holds the sandboxes' disks, as sparse files. */
  dataDir: string;
  cgroups: Cgroups;
  log: Log;
  /** Run sandboxes without a user namespace where the host has none: root inside is then root outside. */
  unsafeNative?: boolean;
}

const START_TIMEOUT_MS = 30_000;
const MB = 1024 * 1024;
const MIN_PIDS = 128;
/** What the runtime takes while it starts a sandbox, on top of the sandbox's own. */
const LAUNCH_MB = 32;
const LAUNCH_PIDS = 32;

/**
 * A runtime that fails freezes or kills the container's group, so it must not be in it, or it could never say why. And
 * only a group without processes of its own may have limited groups below it on cgroup v2.
 */
const boxGroup = (slotId: string): string => `${slotId}/box`;
const launchGroup = (slotId: string): string => `${slotId}/launch`;

interface Context {
  options: NativeDriverOptions;
  paths: NativePaths;
  runtime: NativeRuntime;
  seccomp: OciSeccomp;
}

/**
 * Sandboxes on the host's kernel, by crun or runc: for trusted work. Each has a user namespace with ids of its own, a
 * disk of its own, Docker's default capabilities and system call filter.
 *
 * Removing kills the slot's cgroup and deletes what was made under the slot's name, without asking the runtime.
 */
export async function createNativeDriver(options: NativeDriverOptions): Promise<RuntimeDriver> {
  const paths = nativePaths(options.runDir, options.dataDir);
  await mkdir(paths.stateRoot, { recursive: true, mode: 0o700 });
  await mkdir(paths.bundlesDir, { recursive: true, mode: 0o700 });
  await mkdir(paths.disksDir, { recursive: true, mode: 0o700 });
  const host = { architecture: arch(), kernelRelease: release(), capabilities: defaultCapabilities };
  const seccomp = toOciSeccomp(await readDefaultSeccompProfile(), host);
  const { idmapBinary, unsafeNative = false } = options;
  const runtime = await probeNativeRuntime({
    idmapBinary,
    unsafeNative,
    paths,
    cgroups: options.cgroups,
    seccomp,
  });
  options.log.info({ runtime: runtime.command, userNamespaces: runtime.hasUserNamespaces }, 'native runtime');
  const context: Context = { options, paths, runtime, seccomp };
  const { cgroups } = options;
  const operations = createSlotOperations();
  return {
    name: 'native',
    capabilities: {
      isolation: 'namespaces',
      memorySnapshot: false,
      filesystemSnapshot: true,
      runtimeNeeds: false,
      volumes: true,
      diskLimit: 'exact',
    },
    prepare: (slot, signal) => operations.run(slot.id, signal, (either) => prepare(context, slot, either)),
    start: (slot, spec, signal) =>
      operations.run(slot.id, signal, (either) => start(context, slot, spec, either)),
    ...refuseCheckpoints('native'),
    idsOnDisk: (slot) => (runtime.hasUserNamespaces ? idRangeOf(slot) : undefined),
    remove: async (slotId) => {
      await operations.cancel(slotId);
      await remove(context, slotId);
    },
    freeze: (slotId) => cgroups.freeze(slotId),
    thaw: (slotId) => cgroups.thaw(slotId),
    exportUpper: (slotId, consume, signal) =>
      operations.run(slotId, signal, (either) =>
        exportUpper({ cgroups, paths: nativeSlotPaths(paths, slotId), slotId }, consume, either),
      ),
    attach: (slotId, mount, signal) =>
      operations.run(slotId, signal, async (either) => {
        await attachMount({ idmapBinary, firstPid: await firstPidOf(cgroups, slotId) }, mount, either);
      }),
    latePath: () => undefined,
    detach: async (slotId, mount, others) =>
      detachMount({ idmapBinary, firstPid: await firstPidOf(cgroups, slotId) }, mount, others),
    state: async (slotId) => {
      if ((await cgroups.pids(slotId)).length > 0) return 'running';
      return (await exists(nativeSlotPaths(paths, slotId).bundle)) ? 'stopped' : 'absent';
    },
    // The kernel counts its kills, most of which a sandbox survives, and does not say whom it killed.
    memoryKills: (slotId) => cgroups.oomKills(boxGroup(slotId)),
    wasKilledForMemory: () => Promise.resolve(false),
    stats: async (slotId) =>
      (await cgroups.stats(slotId)) ?? { cpuUsageMs: 0, memoryBytes: 0, processCount: 0 },
    diskBytes: (slotId) => usedBytes({ mountPoint: nativeSlotPaths(paths, slotId).disk }),
    list: () => list(context),
    close: async () => {
      await rm(dirname(paths.stateRoot), { recursive: true, force: true });
      await rmdir(paths.disksDir).catch(() => {});
      await cgroups.close();
    },
  };
}

async function prepare(context: Context, slot: Slot, signal: AbortSignal): Promise<void> {
  const paths = nativeSlotPaths(context.paths, slot.id);
  const { cpus, memoryMb, diskMb } = slot.limits;
  // The folder first: whatever is made after it is found by its name.
  await mkdir(paths.bundle, { recursive: true, mode: 0o700 });
  const { cgroups } = context.options;
  const maxPids = Math.max(MIN_PIDS, memoryMb);
  await cgroups.create(slot.id, {
    cpus,
    memoryBytes: (memoryMb + LAUNCH_MB) * MB,
    maxPids: maxPids + LAUNCH_PIDS,
  });
  await cgroups.create(boxGroup(slot.id), { cpus, memoryBytes: memoryMb * MB, maxPids });
  await cgroups.create(launchGroup(slot.id), {});
  if (diskMb === 0) return;
  const { diskImage: image, disk: mountPoint } = paths;
  await mkdir(paths.diskDir, { recursive: true, mode: 0o700 });
  await createDisk({ image, mountPoint, sizeMb: diskMb }, signal);
  await mkdir(join(mountPoint, 'upper'), { mode: 0o755 });
  await mkdir(join(mountPoint, 'work'), { mode: 0o755 });
}

async function start(
  context: Context,
  slot: Slot,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<SlotEndpoint> {
  const { options, runtime, seccomp } = context;
  const paths = nativeSlotPaths(context.paths, slot.id);
  await writeBundle(paths, {
    slot,
    spec,
    ids: runtime.hasUserNamespaces ? idRangeOf(slot) : undefined,
    hide: runtime.hide,
    cgroupsPath: options.cgroups.specPath(boxGroup(slot.id)),
    seccomp,
  });
  signal.throwIfAborted();
  const command = launch(context, slot.id, paths);
  try {
    const port = await awaitAgentReady(command, { timeoutMs: START_TIMEOUT_MS, signal, handsOver: true });
    return { ...slot.endpoint, port };
  } catch (cause) {
    throw new Error(`the agent of slot ${slot.id} did not start`, { cause });
  }
}

/** The process that is PID 1 in the slot's sandbox. */
const firstPidOf = async (cgroups: Cgroups, slotId: string): Promise<number> =>
  findFirst(await cgroups.pids(boxGroup(slotId)));

/** Inside the slot's cgroups from its first instant, so that removing the slot ends it wherever it is. */
function launch(
  { options, paths, runtime }: Context,
  slotId: string,
  { plan, bundle }: NativeSlotPaths,
): Program {
  const command = ['--root', paths.stateRoot, 'run', '--detach', '--bundle', bundle, slotId];
  const joinFiles = options.cgroups.joinFiles(launchGroup(slotId));
  return launchInCgroup(joinFiles, [options.idmapBinary, plan, runtime.command, ...command]);
}

async function remove(context: Context, slotId: string): Promise<void> {
  const paths = nativeSlotPaths(context.paths, slotId);
  await context.options.cgroups.remove(slotId);
  await removeDisk({ image: paths.diskImage, mountPoint: paths.disk });
  await rm(paths.diskDir, { recursive: true, force: true });
  await rm(paths.containerState, { recursive: true, force: true });
  await rm(paths.bundle, { recursive: true, force: true });
}

async function list({ options, paths }: Context): Promise<string[]> {
  const found = await Promise.all([
    options.cgroups.list(),
    ...[paths.bundlesDir, paths.disksDir, paths.stateRoot].map((dir) => readdir(dir).catch(() => [])),
  ]);
  return [...new Set(found.flat())];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
