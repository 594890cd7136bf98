import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { newSlotId, randomId } from '@atoll/server/lib/id';
import { run } from '@atoll/server/lib/run';
import { createLog } from '@atoll/server/lib/log';
import { createLinuxNetwork } from '@atoll/server/network/linux';
import { createLoopbackNetwork } from '@atoll/server/network/loopback';
import type { SandboxNetwork } from '@atoll/server/network/network';
import { holdLauncher } from '../../server/src/lib/launcher.ts';
import { createCgroups } from '@atoll/server/runtime/cgroup';
import { readCgroupLayout } from '@atoll/server/runtime/cgroup-layout';
import type { ResourceLimits, RuntimeDriver, SandboxSpec, Slot } from '@atoll/server/runtime/driver';
import { createFakeDriver } from '@atoll/server/runtime/fake/fake-driver';
import { createGvisorDriver } from '@atoll/server/runtime/gvisor/gvisor-driver';
import { createNativeDriver } from '@atoll/server/runtime/native/native-driver';
import { createAgentClient } from '../fixtures/agent-client.ts';
import type { AgentClient } from '../fixtures/agent-client.ts';
import { openBaseRootfs } from '../fixtures/rootfs.ts';
import type { BaseRootfs } from '../fixtures/rootfs.ts';

export type DriverKind = 'gvisor' | 'native' | 'fake';

export interface Sandbox {
  slot: Slot;
  agent: AgentClient;
}

/** What tells the drivers of two servers apart. */
export interface DriverFolders {
  instanceId: string;
  dir: string;
  runDir: string;
}

/** A driver with all that it needs around it, on a host of which the tests count what is left. */
export interface DriverStand {
  driver: RuntimeDriver;
  folders: DriverFolders;
  /** Another driver object over the same folders, as a server that was killed and started again has. */
  reopenDriver(): Promise<RuntimeDriver>;
  newSlot(limits?: Partial<ResourceLimits>): Promise<Slot>;
  specFor(slot: Slot, changes?: Partial<SandboxSpec>): Promise<SandboxSpec>;
  start(slot: Slot, changes?: Partial<SandboxSpec>): Promise<Sandbox>;
  /** Prepared and started, with one more layer on top of the image's if one is given. */
  newSandbox(limits?: Partial<ResourceLimits>, topLayer?: string): Promise<Sandbox>;
  /** Into a slot that was prepared for it; resolves once the agent answers. */
  restore(slot: Slot, dir: string, changes?: Partial<SandboxSpec>): Promise<Sandbox>;
  /** A folder on a disk of that size. */
  smallDisk(sizeMb: number): Promise<string>;
  removeAll(): Promise<void>;
  /** Processes, mounts, cgroups and files of the slots: empty when nothing is left. */
  census(): Promise<string[]>;
  close(): Promise<void>;
}

const repository = join(import.meta.dirname, '../..');
const agentBinary = process.env['ATOLL_AGENT_BINARY'] ?? join(repository, '.build/atoll-agent');
const idmapBinary = process.env['ATOLL_IDMAP_BINARY'] ?? join(repository, '.build/atoll-idmap');
const cacheDir = process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache/atoll');
const token = 'contract-suite-token';
/** How the agent learns of a shortage of memory where it runs. */
const oomGuards = { gvisor: 'meminfo', native: 'cgroup', fake: 'none' } as const;
/** Folders of the stands that this process has opened. */
export const standDirs: string[] = [];

/** The one that the server gives to all. */
const hostname = 'tl-sbx';
const never = new AbortController().signal;

const defaultLimits: ResourceLimits = { cpus: 1, memoryMb: 256, diskMb: 200 };

interface Host extends DriverFolders {
  rootfs: Pick<BaseRootfs, 'path' | 'layers' | 'close'>;
  network: SandboxNetwork;
}

export async function openDriverStand(kind: DriverKind): Promise<DriverStand> {
  const host = await openHost(kind);
  const driver = await openDriver(kind, host);
  const slots: string[] = [];
  const disks: string[] = [];
  const identityOf = (slot: Slot): string => join(host.dir, 'identity', slot.id);

  const newSlot: DriverStand['newSlot'] = async (limits = {}) => {
    const id = newSlotId();
    slots.push(id);
    return { id, endpoint: await host.network.attach(id, never), limits: { ...defaultLimits, ...limits } };
  };
  const specFor: DriverStand['specFor'] = async (slot, changes = {}) => {
    await writeIdentity(identityOf(slot), slot, driver);
    const { path, layers } = host.rootfs;
    const files = { rootfs: path, layers, agentBinary, identityDir: identityOf(slot) };
    return {
      sandboxId: `sandbox-${slot.id}`,
      incarnation: 1,
      hostname,
      ...files,
      ...changes,
    };
  };
  const start: DriverStand['start'] = async (slot, changes = {}) => {
    const endpoint = await driver.start(slot, await specFor(slot, changes), never);
    return { slot, agent: createAgentClient(endpoint, token) };
  };
  const { instanceId, dir, runDir } = host;
  return {
    driver,
    folders: { instanceId, dir, runDir },
    reopenDriver: () => openDriver(kind, host),
    newSlot,
    specFor,
    start,
    newSandbox: async (limits, topLayer) => {
      const slot = await newSlot(limits);
      await driver.prepare(slot, never);
      if (topLayer === undefined) return start(slot);
      return start(slot, { layers: [...host.rootfs.layers, topLayer] });
    },
    restore: async (slot, dir, changes) => {
      const endpoint = await driver.restore(slot, await specFor(slot, changes), dir, never);
      const agent = createAgentClient(endpoint, token);
      await untilHealthy(agent);
      return { slot, agent };
    },
    smallDisk: async (sizeMb) => {
      const path = join(host.dir, `disk-${randomId(4)}`);
      await mkdir(path);
      await run(['mount', '-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'tmpfs', path], { timeoutMs: 5_000 });
      disks.push(path);
      return path;
    },
    removeAll: async () => {
      for (const id of slots.splice(0)) {
        await driver.remove(id);
        await host.network.release(id);
      }
      for (const disk of disks.splice(0)) await run(['umount', disk], { timeoutMs: 5_000 });
    },
    census: () => census(host),
    close: async () => {
      await driver.close();
      await host.network.close();
      await host.rootfs.close();
      await rm(host.dir, { recursive: true, force: true });
    },
  };
}

/** A restored agent answers as soon as its address is there; the first attempts may come before. */
async function untilHealthy(agent: AgentClient): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await agent.isHealthy(200))) if (Date.now() > deadline) throw new Error('no agent answers');
}

async function openHost(kind: DriverKind): Promise<Host> {
  const instanceId = randomId(4);
  const dir = await mkdtemp(join(tmpdir(), 'atoll-contract-'));
  standDirs.push(dir);
  const runDir = join(dir, 'run');
  await mkdir(runDir);
  if (kind === 'fake') {
    const rootfs = { path: '/', layers: [], close: () => Promise.resolve() };
    return { instanceId, dir, runDir, rootfs, network: createLoopbackNetwork() };
  }
  const rootfs = await openBaseRootfs();
  const network = await createLinuxNetwork({ instanceId, runDir, log: createLog('silent') });
  return { instanceId, dir, runDir, rootfs, network };
}

/** A driver object as a server process has it. */
export async function openDriver(
  kind: DriverKind,
  { instanceId, dir, runDir }: DriverFolders,
): Promise<RuntimeDriver> {
  const log = createLog('silent');
  if (kind === 'fake') return createFakeDriver({ runDir, log });
  const cgroups = createCgroups({ layout: await readCgroupLayout(), instanceId });
  if (kind === 'native') return createNativeDriver({ idmapBinary, runDir, dataDir: dir, cgroups, log });
  const runscPath = join(cacheDir, 'runsc/runsc');
  await holdLauncher(agentBinary); // until this process ends
  return createGvisorDriver({ runscPath, pauseBinary: agentBinary, runDir, dataDir: dir, cgroups, log });
}

async function writeIdentity(dir: string, slot: Slot, driver: RuntimeDriver): Promise<void> {
  await mkdir(dir, { recursive: true });
  const isIsolated = driver.capabilities.isolation !== 'none';
  const config = {
    sandboxId: `sandbox-${slot.id}`,
    incarnation: 1,
    token,
    listen: isIsolated ? `0.0.0.0:${slot.endpoint.port}` : '127.0.0.1:0',
    hostname,
    env: {},
    user: 'root',
    workingDir: '/',
    memoryMb: slot.limits.memoryMb,
    maxProcesses: slot.limits.memoryMb,
    oomGuard: oomGuards[driver.name],
    extraCa: false,
    stopSignal: 'SIGTERM',
    stopGraceMs: 1000,
  };
  await writeFile(join(dir, 'agent.json'), JSON.stringify(config));
}

/** All names on the host carry the instance id or the temporary folder. */
async function census({ instanceId, runDir }: Host): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return [
    ...(await processesNaming(runDir)),
    ...mounts.filter((line) => line.includes(runDir) && !isOfDriver(line, runDir)),
    ...(await cgroupsOf(instanceId)),
    ...(await slotFiles(runDir)),
  ];
}

/** While a driver is open, runsc pins one network namespace, and two folders share what is mounted in them. */
const isOfDriver = (mount: string, runDir: string): boolean =>
  mount.includes('null-netns') ||
  [join(runDir, 'slot'), join(runDir, 'late/view')].includes(mount.split(' ')[4] ?? '');

async function processesNaming(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(text));
}

async function cgroupsOf(instanceId: string): Promise<string[]> {
  const layout = await readCgroupLayout();
  const roots = layout.version === 2 ? [layout.root] : layout.hierarchies;
  const found = await Promise.all(
    roots.map(async (root) => {
      const entries = await readdir(join(root, `atoll-${instanceId}`), { withFileTypes: true }).catch(
        () => [],
      );
      return entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
    }),
  );
  return found.flat();
}

async function slotFiles(runDir: string): Promise<string[]> {
  const folders = ['runsc', 'slot', 'late/folders', 'fake', 'native/slot', 'native/state', '../native'];
  const found = await Promise.all(folders.map((folder) => readdir(join(runDir, folder)).catch(() => [])));
  return found.flat().filter((name) => name !== 'null-netns');
}
