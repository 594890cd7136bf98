import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CgroupLayout } from './cgroup-layout.ts';

/** What the host enforces for a group of processes; absent means: leave it as it is. */
export interface CgroupLimits {
  cpus?: number;
  memoryBytes?: number;
  maxPids?: number;
}

/** What a group uses now. */
export interface CgroupStats {
  cpuUsageMs: number;
  /** Without the page cache that the kernel can take back. */
  memoryBytes: number;
  processCount: number;
}

/** The control groups of one server: one group per slot, all below one parent that carries the instance id. */
export interface Cgroups {
  /** Makes the group with these limits; an existing one gets the limits. Also for `a/b`, once `a` is there. */
  create(name: string, limits: CgroupLimits): Promise<void>;
  limit(name: string, limits: CgroupLimits): Promise<void>;
  memoryLimit(name: string): Promise<number>;
  /** Lowers the limit once what is in use fits into it, and answers whether it did; an absent group has nothing to lower. */
  lowerMemory(name: string, bytes: number): Promise<boolean>;
  /** The files that a process writes its id (or `0`) to in order to join the group. */
  joinFiles(name: string): string[];
  move(name: string, pid: number): Promise<void>;
  /** Processes of the group and the groups below it; none if it is absent. */
  pids(name: string): Promise<number[]>;
  stats(name: string): Promise<CgroupStats | undefined>;
  /** How many processes of the group, or of one below, the kernel has killed for want of memory. */
  oomKills(name: string): Promise<number>;
  /** Stops every process of the group where it is; resolves when all stand still. */
  freeze(name: string): Promise<void>;
  thaw(name: string): Promise<void>;
  isFrozen(name: string): Promise<boolean>;
  /** Kills everything in the group and below, frozen or not; resolves when nothing is left in it. */
  kill(name: string): Promise<void>;
  /** Kills what is left and removes the group. Idempotent. */
  remove(name: string): Promise<void>;
  list(): Promise<string[]>;
  /** The value for `linux.cgroupsPath` of an OCI spec. */
  specPath(name: string): string;
  /** Removes the parent. The groups must be gone. */
  close(): Promise<void>;
}

export interface CgroupsOptions {
  layout: CgroupLayout;
  instanceId: string;
  /** Group below which the parent is made, such as a slice that systemd delegates; absent for the root. */
  base?: string;
}

const CPU_PERIOD_US = 100_000;
const KILL_TIMEOUT_MS = 5_000;
const FREEZE_TIMEOUT_MS = 5_000;
/** From the first to the last pause between two looks at a group that is being killed. */
const KILL_PAUSE_MS = [1, 1, 2, 5, 10, 20] as const;
const V2_CONTROLLERS = ['cpu', 'memory', 'pids'];

/** The cgroups of the instance, on v1 (also hybrid) or v2. */
export function createCgroups({ layout, instanceId, base = '' }: CgroupsOptions): Cgroups {
  const parent = join('/', base, `atoll-${instanceId}`);
  const hierarchies = layout.version === 2 ? [layout.root] : layout.hierarchies;
  const files = layout.version === 2 ? v2Files(layout.root) : v1Files(layout.mounts);
  const dirsOf = (name: string): string[] => hierarchies.map((root) => join(root, parent, name));
  /** Every process is in all hierarchies; one tells who is there. */
  const mainDirOf = (name: string): string => join(files.processRoot, parent, name);

  const limit = async (name: string, limits: CgroupLimits): Promise<void> => {
    await files.limit(join(parent, name), limits);
  };
  const pids = async (name: string): Promise<number[]> => listPids(mainDirOf(name));
  const kill = async (name: string): Promise<void> => {
    const deadline = Date.now() + KILL_TIMEOUT_MS;
    for (let round = 0; ; round++) {
      const alive = await pids(name);
      if (alive.length === 0) return;
      for (const pid of alive) killPid(pid);
      for (const group of await groupsFrom(mainDirOf(name))) await files.thaw(join(parent, name, group));
      if (Date.now() > deadline) throw new Error(`processes ${alive.join(', ')} of ${name} do not end`);
      await sleep(KILL_PAUSE_MS[Math.min(round, KILL_PAUSE_MS.length - 1)]);
    }
  };

  return {
    create: async (name, limits) => {
      await files.makeParent(parent);
      await Promise.all(dirsOf(name).map((dir) => mkdir(dir, { recursive: true })));
      await files.makeUsable(join(parent, name));
      await limit(name, limits);
    },
    limit,
    memoryLimit: (name) => files.memoryLimit(join(parent, name)),
    lowerMemory: async (name, bytes) =>
      (await files.lowerMemory(join(parent, name), bytes).catch(ignoreAbsent)) ?? true,
    joinFiles: (name) => dirsOf(name).map((dir) => join(dir, 'cgroup.procs')),
    move: async (name, pid) => {
      for (const dir of dirsOf(name)) await writeFile(join(dir, 'cgroup.procs'), `${pid}`);
    },
    pids,
    stats: async (name) => {
      const usage = await files.usage(join(parent, name)).catch(ignoreAbsent);
      return usage && { ...usage, processCount: (await pids(name)).length };
    },
    oomKills: (name) => files.oomKills(join(parent, name)),
    freeze: (name) => freeze(files, join(parent, name)),
    thaw: (name) => files.thaw(join(parent, name)),
    isFrozen: (name) => files.isFrozen(join(parent, name)),
    kill,
    remove: async (name) => {
      await kill(name);
      await Promise.all(dirsOf(name).map(removeTree));
    },
    list: async () => [...new Set((await Promise.all(dirsOf('').map(listGroups))).flat())],
    specPath: (name) => join(parent, name),
    close: async () => {
      await Promise.all(dirsOf('').map(removeTree));
    },
  };
}

/** The kernel stops one process after the other; a process in a system call keeps it waiting for a moment. */
async function freeze(files: CgroupFiles, group: string): Promise<void> {
  const deadline = Date.now() + FREEZE_TIMEOUT_MS;
  while (!(await files.freeze(group))) {
    if (Date.now() > deadline) throw new Error(`the processes of ${group} do not stand still`);
    await sleep(1);
  }
}

type Usage = Omit<CgroupStats, 'processCount'>;

interface CgroupFiles {
  processRoot: string;
  makeParent(parent: string): Promise<void>;
  makeUsable(group: string): Promise<void>;
  limit(group: string, limits: CgroupLimits): Promise<void>;
  memoryLimit(group: string): Promise<number>;
  lowerMemory(group: string, bytes: number): Promise<boolean>;
  usage(group: string): Promise<Usage>;
  oomKills(group: string): Promise<number>;
  /** Asks for the freeze and answers whether all stand still. */
  freeze(group: string): Promise<boolean>;
  isFrozen(group: string): Promise<boolean>;
  thaw(group: string): Promise<void>;
}

function v2Files(root: string): CgroupFiles {
  return {
    processRoot: root,
    makeParent: async (parent) => {
      // A controller works in a group only when every group above it hands it down.
      let dir = root;
      for (const part of ['', ...parent.split('/').filter(Boolean)]) {
        dir = join(dir, part);
        await mkdir(dir, { recursive: true });
        await enableControllers(dir);
      }
    },
    makeUsable: async () => {},
    limit: async (group, { cpus, memoryBytes, maxPids }) => {
      const dir = join(root, group);
      if (cpus !== undefined) await write(dir, 'cpu.max', `${quotaUs(cpus)} ${CPU_PERIOD_US}`);
      if (memoryBytes !== undefined) await write(dir, 'memory.max', `${memoryBytes}`);
      if (memoryBytes !== undefined) await write(dir, 'memory.swap.max', '0').catch(ignoreAbsent);
      if (maxPids !== undefined) await write(dir, 'pids.max', `${maxPids}`);
    },
    memoryLimit: async (group) => {
      const limit = (await read(join(root, group), 'memory.max')).trim();
      return limit === 'max' ? Number.POSITIVE_INFINITY : Number(limit);
    },
    lowerMemory: async (group, bytes) => lowerV2Memory(join(root, group), bytes),
    usage: async (group) => {
      const dir = join(root, group);
      const cpu = parseFlat(await read(dir, 'cpu.stat'));
      const memory = parseFlat(await read(dir, 'memory.stat'));
      const current = Number(await read(dir, 'memory.current'));
      return {
        cpuUsageMs: (cpu.get('usage_usec') ?? 0) / 1000,
        memoryBytes: Math.max(0, current - (memory.get('inactive_file') ?? 0)),
      };
    },
    oomKills: async (group) => {
      const events = await read(join(root, group), 'memory.events').catch(ignoreAbsent);
      return parseFlat(events ?? '').get('oom_kill') ?? 0;
    },
    freeze: async (group) => {
      await write(join(root, group), 'cgroup.freeze', '1');
      return isFrozenV2(join(root, group));
    },
    isFrozen: (group) => isFrozenV2(join(root, group)),
    thaw: async (group) => {
      await write(join(root, group), 'cgroup.freeze', '0').catch(ignoreAbsent);
    },
  };
}

/** Writes only what is missing: in a delegated subtree the groups above are not ours to change. */
async function enableControllers(dir: string): Promise<void> {
  const enabled = new Set((await read(dir, 'cgroup.subtree_control')).trim().split(' '));
  const missing = V2_CONTROLLERS.filter((controller) => !enabled.has(controller));
  if (missing.length === 0) return;
  await write(dir, 'cgroup.subtree_control', missing.map((controller) => `+${controller}`).join(' '));
}

function v1Files(mounts: ReadonlyMap<string, string>): CgroupFiles {
  const mountOf = (controller: string): string => {
    const mount = mounts.get(controller);
    if (mount === undefined) throw new Error(`the cgroup controller ${controller} is not mounted`);
    return mount;
  };
  return {
    processRoot: mountOf('memory'),
    makeParent: async () => {},
    makeUsable: async (group) => {
      const cpuset = mounts.get('cpuset');
      if (cpuset !== undefined) await inheritCpuset(cpuset, group);
    },
    limit: async (group, { cpus, memoryBytes, maxPids }) => {
      if (cpus !== undefined) {
        const dir = join(mountOf('cpu'), group);
        await write(dir, 'cpu.cfs_period_us', `${CPU_PERIOD_US}`);
        await write(dir, 'cpu.cfs_quota_us', `${quotaUs(cpus)}`);
      }
      if (memoryBytes !== undefined) await limitV1Memory(join(mountOf('memory'), group), memoryBytes);
      if (maxPids !== undefined) await write(join(mountOf('pids'), group), 'pids.max', `${maxPids}`);
    },
    memoryLimit: async (group) => Number(await read(join(mountOf('memory'), group), 'memory.limit_in_bytes')),
    // v1 takes back what it can and refuses a limit that is still too low.
    lowerMemory: (group, bytes) =>
      limitV1Memory(join(mountOf('memory'), group), bytes).then(
        () => true,
        (error: unknown) => {
          if (isErrno(error, 'EBUSY')) return false;
          throw error;
        },
      ),
    usage: async (group) => {
      const cpuNs = Number(await read(join(mountOf('cpuacct'), group), 'cpuacct.usage'));
      const memoryDir = join(mountOf('memory'), group);
      const memory = parseFlat(await read(memoryDir, 'memory.stat'));
      const current = Number(await read(memoryDir, 'memory.usage_in_bytes'));
      return {
        cpuUsageMs: cpuNs / 1e6,
        memoryBytes: Math.max(0, current - (memory.get('total_inactive_file') ?? 0)),
      };
    },
    oomKills: async (group) => {
      // v1 counts in the group of the process only, not in those above.
      const dir = join(mountOf('memory'), group);
      const groups = await groupsFrom(dir);
      const counts = groups.map(async (name) => {
        const control = await read(join(dir, name), 'memory.oom_control').catch(ignoreAbsent);
        return parseFlat(control ?? '').get('oom_kill') ?? 0;
      });
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    },
    freeze: async (group) => {
      const dir = join(mountOf('freezer'), group);
      await write(dir, 'freezer.state', 'FROZEN');
      return isFrozenV1(dir);
    },
    isFrozen: (group) => isFrozenV1(join(mountOf('freezer'), group)),
    thaw: async (group) => {
      const freezer = mounts.get('freezer');
      // On v1 a frozen process takes its SIGKILL only once it is thawed.
      if (freezer === undefined) return;
      await write(join(freezer, group), 'freezer.state', 'THAWED').catch(ignoreAbsent);
    },
  };
}

/** v2 kills for a hard limit that is too low, so a soft one first takes back what can be. */
async function lowerV2Memory(dir: string, bytes: number): Promise<boolean> {
  await write(dir, 'memory.high', `${bytes}`);
  const fits = Number(await read(dir, 'memory.current')) <= bytes;
  if (fits) await write(dir, 'memory.max', `${bytes}`);
  await write(dir, 'memory.high', 'max');
  return fits;
}

/** With swap the kernel wants memory ≤ memory+swap at all times, so which one moves first depends on the direction. */
async function limitV1Memory(dir: string, bytes: number): Promise<void> {
  const limitSwap = (): Promise<void> => write(dir, 'memory.memsw.limit_in_bytes', `${bytes}`);
  const hasSwapLimit = await limitSwap().then(
    () => true,
    (error: unknown) => isErrno(error, 'EINVAL', 'EBUSY'),
  );
  await write(dir, 'memory.limit_in_bytes', `${bytes}`);
  if (hasSwapLimit) await limitSwap();
}

/** A new cpuset has no CPUs and takes no process until it has some. */
async function inheritCpuset(mount: string, group: string): Promise<void> {
  let dir = mount;
  for (const part of group.split('/').filter(Boolean)) {
    const above = dir;
    dir = join(dir, part);
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if ((await read(dir, file)).trim() === '') await write(dir, file, (await read(above, file)).trim());
    }
  }
}

async function listPids(dir: string): Promise<number[]> {
  const text = await read(dir, 'cgroup.procs').catch(ignoreAbsent);
  if (text === undefined) return [];
  const own = text.split('\n').map(Number);
  const below = await Promise.all((await listGroups(dir)).map((name) => listPids(join(dir, name))));
  // 0 stands for a process of another PID namespace, which is not ours to signal.
  return [...own, ...below.flat()].filter((pid) => pid > 0);
}

/** The group itself, as the empty name, and all below it. A runtime that fails may leave one of them frozen. */
async function groupsFrom(dir: string): Promise<string[]> {
  const below = await Promise.all(
    (await listGroups(dir)).map(async (name) => {
      const names = await groupsFrom(join(dir, name));
      return names.map((rest) => join(name, rest));
    }),
  );
  return ['', ...below.flat()];
}

async function listGroups(dir: string): Promise<string[]> {
  const entries = (await readdir(dir, { withFileTypes: true }).catch(ignoreAbsent)) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** The kernel answers EBUSY for the moment in which the last process is still on its way out. */
async function removeTree(dir: string): Promise<void> {
  for (const name of await listGroups(dir)) await removeTree(join(dir, name));
  const deadline = Date.now() + KILL_TIMEOUT_MS;
  for (;;) {
    try {
      return await rmdir(dir);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      if (!isErrno(error, 'EBUSY') || Date.now() > deadline) throw error;
    }
    await sleep(2);
  }
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

const isFrozenV1 = async (dir: string): Promise<boolean> =>
  (await read(dir, 'freezer.state')).trim() === 'FROZEN';

const isFrozenV2 = async (dir: string): Promise<boolean> =>
  parseFlat(await read(dir, 'cgroup.events')).get('frozen') === 1;

const quotaUs = (cpus: number): number => Math.max(1_000, Math.round(cpus * CPU_PERIOD_US));

const read = (dir: string, file: string): Promise<string> => readFile(join(dir, file), 'utf8');

const write = (dir: string, file: string, value: string): Promise<void> => writeFile(join(dir, file), value);

/** Files of lines `key value`. */
function parseFlat(text: string): Map<string, number> {
  const lines = text.split('\n').map((line) => line.split(' '));
  return new Map(lines.map(([key = '', value]) => [key, Number(value)]));
}

function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

function ignoreAbsent(error: unknown): undefined {
  if (isErrno(error, 'ENOENT', 'ENODEV')) return undefined;
  throw error;
}
