import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { waitAtMost } from '../../lib/deadline.ts';
import type { Log } from '../../lib/log.ts';
import { hasLauncher } from '../../lib/launcher.ts';
import type { Program } from '../../lib/program.ts';
import { run } from '../../lib/run.ts';
import { digestOf } from '../../lib/file-digest.ts';
import { awaitAgentReady, awaitSuccess } from '../agent-ready.ts';
import type { Cgroups } from '../cgroup.ts';
import type { RuntimeDriver, SandboxSpec, Slot, SlotEndpoint } from '../driver.ts';
import { LATE_MOUNTS_PATH } from '../oci-spec.ts';
import { isMountPoint, shareMounts, unshareMounts } from '../mount-point.ts';
import { mountOverlay } from '../overlay-mount.ts';
import { createSlotOperations } from '../slot-operation.ts';
import { hasOwnDisk, mainSpec, pauseRootEntries, pauseSpec } from './bundle.ts';
import type { MainFiles } from './bundle.ts';
import { checkpointSlot } from './checkpoint.ts';
import { createExportMemory } from './export-memory.ts';
import { giveCheckpoint } from './give-checkpoint.ts';
import { findGofer, seesSameFiles } from './gofer.ts';
import { guestLimits, hostMemoryBytes } from './guest-limits.ts';
import { gateZone, holdRun } from './held-run.ts';
import type { HeldRun } from './held-run.ts';
import { fitsHeldRun, preliminaryFiles } from './preliminary-spec.ts';
import { launchInCgroup } from '../launch.ts';
import { createLateMounts, keepMounts, knowsLateMounts, requireLateMounts } from './late-mounts.ts';
import type { LateMounts } from './late-mounts.ts';
import { throwIfUnmountable, withMountPoints } from './mount-points.ts';
import { runscCommands } from './runsc.ts';
import type { RunscCommands } from './runsc.ts';
import { driverPaths, mainIdOf, slotPaths } from './slot-path.ts';
import type { DriverPaths, SlotPaths } from './slot-path.ts';
import { createStandstill } from './standstill.ts';
import { forgetCgroupV1, isContainerAlive } from './state-file.ts';
import { exportUpperOf } from './upper-export.ts';
import { createUpperUsage } from './upper-usage.ts';

export interface GvisorDriverOptions {
  runscPath: string;
  /** Static binary that, called with the argument `pause`, sleeps until it is killed. */
  pauseBinary: string;
  /** On a tmpfs, such as /run/atoll/<instance>: nothing in it outlives a reboot. */
  runDir: string;
  /** Holds the upper layers, as files without a name. */
  dataDir: string;
  cgroups: Cgroups;
  log: Log;
  /**
   * The host name of all sandboxes: runsc takes it when it boots a pod, before the sandbox is known. An agent that is to
   * have another one sets it itself.
   */
  hostname?: string;
}

const BOOT_TIMEOUT_MS = 30_000;
const START_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 5_000;
const DEFAULT_HOSTNAME = 'tl-sbx';

interface Context {
  options: GvisorDriverOptions;
  paths: DriverPaths;
  runsc: RunscCommands;
  lateMounts: LateMounts;
  /** Prepared `runsc run`s, or `runsc restore`s, of slots that have not been started. */
  held: Map<string, HeldMain>;
}

interface HeldMain extends HeldRun {
  goferPid: number;
}

/**
 * Sandboxes in gVisor, by the launcher of this process. A prepared slot is a booted pod with a do-nothing container, and a held `runsc run` that only lacks
 * the image; starting is to write the bundle and release it. Removing kills the slot's cgroup and deletes what runsc had written,
 * without asking runsc, which hangs when a sandbox does.
 */
export async function createGvisorDriver(options: GvisorDriverOptions): Promise<RuntimeDriver> {
  const paths = driverPaths(options.runDir, options.dataDir);
  const context: Context = {
    options,
    paths,
    runsc: runscCommands(options.runscPath, paths),
    lateMounts: createLateMounts(paths.lateMountsDir),
    held: new Map(),
  };
  const operations = createSlotOperations();
  let version: Promise<string> | undefined;
  const { runsc } = context;
  const standstill = createStandstill({ paths });
  const still = { runsc, standstill };
  const upperUsage = createUpperUsage({ upperDir: paths.upperDir, pids: options.cgroups.pids });
  const exportMemory = createExportMemory({ cgroups: options.cgroups, paths, log: options.log });
  await makeFolders(paths);
  await context.lateMounts.open();
  await exportMemory.open();
  return {
    name: 'gvisor',
    capabilities: {
      isolation: 'gvisor',
      memorySnapshot: true,
      filesystemSnapshot: true,
      runtimeNeeds: true,
      volumes: true,
      diskLimit: 'exact',
    },
    version: () => (version ??= digestOf(options.runscPath)),
    prepare: (slot, signal) => operations.run(slot.id, signal, (either) => prepare(context, slot, either)),
    start: (slot, spec, signal) =>
      operations.run(slot.id, signal, (either) => start(context, slot, spec, either)),
    idsOnDisk: () => undefined,
    remove: async (slotId) => {
      await operations.cancel(slotId);
      await remove(context, slotId);
      upperUsage.forget(slotId);
      exportMemory.forget(slotId);
    },
    freeze: standstill.pause,
    thaw: standstill.resume,
    exportUpper: (slotId, consume, signal) =>
      operations.run(slotId, signal, (either) =>
        exportUpperOf({ ...still, upperUsage, exportMemory }, slotId, consume, either),
      ),
    checkpoint: (slotId, dir, { leaveRunning }, signal) =>
      operations.run(slotId, signal, async (either) => {
        const isFrozen = standstill.isStill(slotId);
        await keepMounts(slotPaths(paths, slotId).mainConfig, dir);
        await checkpointSlot(still, slotId, { dir, leaveRunning, isFrozen, signal: either });
      }),
    restore: (slot, spec, dir, signal) =>
      operations.run(slot.id, signal, (either) => restore(context, slot, spec, { dir, signal: either })),
    attach: (slotId, mount, signal) =>
      operations.run(slotId, signal, async () => {
        await requireLateMounts(slotPaths(paths, slotId).mainConfig);
        await context.lateMounts.add(slotId, mount);
      }),
    latePath: ({ id }) => join(LATE_MOUNTS_PATH, id),
    detach: (slotId, { id }) => context.lateMounts.take(slotId, id),
    state: async (slotId) => {
      const { dir, mainState } = slotPaths(paths, slotId);
      if (await isContainerAlive(mainState, mainIdOf(slotId))) return 'running';
      return (await exists(dir)) ? 'stopped' : 'absent';
    },
    // Whatever the kernel kills there is a part of gVisor, and the sandbox ends with it.
    memoryKills: (slotId) => options.cgroups.oomKills(slotId),
    wasKilledForMemory: async (slotId) => (await options.cgroups.oomKills(slotId)) > 0,
    stats: async (slotId) =>
      (await options.cgroups.stats(slotId)) ?? { cpuUsageMs: 0, memoryBytes: 0, processCount: 0 },
    diskBytes: upperUsage.read,
    list: async () => {
      const ids = await Promise.all([readdir(paths.slotsDir).catch(() => []), options.cgroups.list()]);
      return [...new Set(ids.flat())];
    },
    close: () => close(context),
  };
}

async function makeFolders(paths: DriverPaths): Promise<void> {
  await mkdir(paths.slotsDir, { recursive: true, mode: 0o700 });
  // What is mounted for a slot as it starts is seen by its file proxy, which was there before.
  await shareMounts(paths.slotsDir);
  await mkdir(paths.upperDir, { recursive: true, mode: 0o700 });
  for (const dir of pauseRootEntries.dirs) await mkdir(join(paths.pauseRoot, dir), { recursive: true });
  for (const file of pauseRootEntries.files) await writeFile(join(paths.pauseRoot, file), '', { flag: 'a' });
}

async function prepare(context: Context, slot: Slot, signal: AbortSignal): Promise<void> {
  const { cgroups } = context.options;
  const paths = slotPaths(context.paths, slot.id);
  // The folder first: whatever is made after it is found by its name.
  await mkdir(paths.pauseBundle, { recursive: true });
  await mkdir(paths.mainBundle, { recursive: true });
  await context.lateMounts.prepare(slot.id);
  await cgroups.create(slot.id, guestLimits(slot.limits));
  signal.throwIfAborted();
  const isForRestore = slot.purpose === 'restore';
  const command = isForRestore ? context.runsc.createPod : context.runsc.bootPod;
  await bringUpPod(context, slot, paths, command(slot, paths), signal);
  await cgroups.limit(slot.id, { memoryBytes: hostMemoryBytes(slot.limits), cpus: availableParallelism() });
  await forgetCgroupV1(paths.podState);
  signal.throwIfAborted();
  const held = await holdMain(context, slot, paths, signal);
  if (held !== undefined) context.held.set(slot.id, held);
}

async function bringUpPod(
  context: Context,
  slot: Slot,
  paths: SlotPaths,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { cgroups, pauseBinary, hostname = DEFAULT_HOSTNAME } = context.options;
  const spec = pauseSpec(slot, {
    hostname,
    pauseBinary,
    rootfs: context.paths.pauseRoot,
    cgroupsPath: cgroups.specPath(slot.id),
  });
  await writeFile(join(paths.pauseBundle, 'config.json'), JSON.stringify(spec));
  await succeed(context, slot, argv, signal).catch((cause: unknown) => {
    throw new Error(`the pod of slot ${slot.id} did not boot`, { cause });
  });
}

/** Runs a command of runsc inside the slot's cgroup to its end; what it leaves running has its output. */
async function succeed(
  context: Context,
  { id }: Slot,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const command = launchWithPipes(context.options.cgroups.joinFiles(id), argv);
  await awaitSuccess(command, { timeoutMs: BOOT_TIMEOUT_MS, signal });
}

/** Without it the slot still starts, only slower, so a failure is none of the slot. */
async function holdMain(
  context: Context,
  slot: Slot,
  paths: SlotPaths,
  signal: AbortSignal,
): Promise<HeldMain | undefined> {
  const { gate, mainConfig } = paths;
  const { pauseBinary, log } = context.options;
  const lateMountsDir = context.lateMounts.folderOf(slot.id);
  const preliminary = preliminaryFiles(slot, { ...context.paths, ...paths, pauseBinary, lateMountsDir });
  await writeFile(mainConfig, JSON.stringify(mainSpec(slot, preliminary)));
  const launch = (): Program => launchMain(context, slot, paths, gateZone(gate));
  try {
    const held = await holdRun({ gate, configFile: mainConfig, signal, launch });
    const goferPid = await findGofer(await context.options.cgroups.pids(slot.id), mainIdOf(slot.id));
    return { ...held, goferPid };
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ err: error, slotId: slot.id }, 'runsc cannot be held ready: starts will be slow');
    return undefined;
  }
}

function launchMain(
  context: Context,
  slot: Slot,
  paths: SlotPaths,
  env: Record<string, string> = {},
): Program {
  const joinFiles = context.options.cgroups.joinFiles(slot.id);
  return launchWithPipes(joinFiles, mainCommand(context, slot)(slot, paths), env);
}

/**
 * What a container inherits as its output are the launcher's pipes: a checkpoint that holds a socket of the host, which Node
 * would make, cannot be restored.
 */
const launchWithPipes: typeof launchInCgroup = (...command) => {
  if (hasLauncher()) return launchInCgroup(...command);
  throw new Error('there is no launcher of programs (holdLauncher), or it is being started again');
};

function mainCommand({ runsc }: Context, slot: Slot): RunscCommands['runMain'] {
  if (slot.purpose === 'restore') return runsc.restoreMain;
  return hasOwnDisk(slot) ? runsc.runMain : runsc.runWriting;
}

async function start(
  context: Context,
  slot: Slot,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<SlotEndpoint> {
  const paths = slotPaths(context.paths, slot.id);
  const lateMountsDir = context.lateMounts.folderOf(slot.id);
  const files = { ...(await withRootfs(spec, paths)), ...(hasOwnDisk(slot) && { lateMountsDir }) };
  const held = await takeHeld(context, slot, files);
  const command = await runMain(context, slot, { paths, files, held });
  try {
    const port = await awaitAgentReady(command, { timeoutMs: START_TIMEOUT_MS, signal, handsOver: true });
    await context.options.cgroups.limit(slot.id, { cpus: slot.limits.cpus });
    return { ...slot.endpoint, port };
  } catch (cause) {
    throwIfUnmountable(spec, cause);
    throw new Error(`the sandbox in slot ${slot.id} did not start`, { cause });
  }
}

/** The command that the slot holds ready, if it can go on with these files. */
async function takeHeld(context: Context, slot: Slot, files: StartFiles): Promise<HeldMain | undefined> {
  const held = context.held.get(slot.id);
  context.held.delete(slot.id);
  if (held === undefined) return undefined;
  if (fitsHeldRun(slot, files) && (await seesSameFiles(held.goferPid, files))) return held;
  await discard(held);
  // Unlike a run, a restore that fails leaves its container, made for files that are not these.
  if (slot.purpose === 'restore')
    await run(context.runsc.deleteMain(slot.id), { timeoutMs: COMMAND_TIMEOUT_MS });
  return undefined;
}

type StartFiles = SandboxSpec & Pick<MainFiles, 'lateMountsDir'>;

interface MainRun {
  paths: SlotPaths;
  files: StartFiles;
  held: HeldMain | undefined;
}

async function runMain(context: Context, slot: Slot, { paths, files, held }: MainRun): Promise<Program> {
  await writeFile(paths.mainConfig, JSON.stringify(mainSpec(slot, files)));
  if (held === undefined) return launchMain(context, slot, paths);
  await held.release();
  return held.command;
}

/** What keeps its writes runs over an overlay of the host, whose upper directory is then all that it wrote. */
async function withRootfs(spec: SandboxSpec, paths: SlotPaths): Promise<SandboxSpec> {
  const { rootfs, dir } = paths;
  const { disk, layers } = spec;
  if (disk === undefined) return withMountPoints(spec, paths);
  await mountOverlay({ lowers: layers, disk, path: rootfs, tempDir: dir });
  return { ...spec, rootfs };
}

/** The pod first, then the container in it: with the last one of them everything goes on. */
async function restore(
  context: Context,
  slot: Slot,
  spec: SandboxSpec,
  { dir, signal }: { dir: string; signal: AbortSignal },
): Promise<SlotEndpoint> {
  const paths = slotPaths(context.paths, slot.id);
  const lateMountsDir = context.lateMounts.folderOf(slot.id);
  const files = {
    ...(await withRootfs(spec, paths)),
    ...((await knowsLateMounts(dir)) && { lateMountsDir }),
  };
  for (const mount of spec.lateMounts ?? []) await context.lateMounts.add(slot.id, mount);
  const held = await takeHeld(context, slot, files);
  let command: Program | undefined;
  try {
    const { ended } = await giveCheckpoint(context, slot, { paths, dir, signal });
    command = await runMain(context, slot, { paths, files, held });
    await awaitSuccess(command, { timeoutMs: START_TIMEOUT_MS, signal });
    await ended;
  } catch (cause) {
    // What was not used is released with the slot.
    if (command === undefined && held !== undefined) context.held.set(slot.id, held);
    throw new Error(`the checkpoint was not restored into slot ${slot.id}`, { cause });
  }
  await context.options.cgroups.limit(slot.id, { cpus: slot.limits.cpus });
  return slot.endpoint;
}

/** Released with an empty spec it fails and undoes what it has done, so that its container id is free again. */
async function discard({ command, release }: HeldMain): Promise<void> {
  command.stdout.resume();
  command.stderr.resume();
  await release();
  const { timedOut } = await waitAtMost(command.ended, COMMAND_TIMEOUT_MS);
  command.hangUp();
  if (timedOut) throw new Error('what runsc held ready did not end');
}

async function remove(context: Context, slotId: string): Promise<void> {
  const paths = slotPaths(context.paths, slotId);
  const held = context.held.get(slotId);
  context.held.delete(slotId);
  await context.options.cgroups.remove(slotId);
  await held?.release();
  held?.command.hangUp();
  await unmountAll(paths.rootfs);
  await context.lateMounts.remove(slotId);
  await Promise.all(paths.runscFiles.map((file) => rm(file, { force: true })));
  await rm(paths.dir, { recursive: true, force: true });
}

async function close(context: Context): Promise<void> {
  const { paths, options, lateMounts } = context;
  await options.cgroups.close();
  await lateMounts.close();
  // runsc pins the namespace by a mount; two first pods at once pin it twice.
  await unmountAll(paths.nullNetns);
  await unshareMounts(paths.slotsDir);
  for (const dir of [paths.runscRoot, paths.slotsDir, paths.pauseRoot, paths.upperDir]) {
    await rm(dir, { recursive: true, force: true });
  }
}

async function unmountAll(path: string): Promise<void> {
  while (await isMountPoint(path)) await run(['umount', path], { timeoutMs: COMMAND_TIMEOUT_MS });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
