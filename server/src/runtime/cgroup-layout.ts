import { readFile } from 'node:fs/promises';

/** How this host mounts its cgroup controllers. */
export type CgroupLayout =
  | { version: 2; root: string }
  /**
   * Mount points by controller (several may share one), and all hierarchies: OCI runtimes put a container
   * into each of them, also into those without a controller.
   */
  | { version: 1; mounts: ReadonlyMap<string, string>; hierarchies: readonly string[] };

const CONTROLLERS = new Set([
  'blkio',
  'cpu',
  'cpuacct',
  'cpuset',
  'devices',
  'freezer',
  'hugetlb',
  'memory',
  'net_cls',
  'net_prio',
  'perf_event',
  'pids',
  'rdma',
]);

/** Finds out where the controllers are. On hybrid hosts they are on v1, and the v2 mount is empty. */
export async function readCgroupLayout(mountInfoPath = '/proc/self/mountinfo'): Promise<CgroupLayout> {
  return parseCgroupLayout(await readFile(mountInfoPath, 'utf8'));
}

/** As `readCgroupLayout`, of the text of a mountinfo file (proc_pid_mountinfo(5)). */
export function parseCgroupLayout(mountInfo: string): CgroupLayout {
  const mounts = new Map<string, string>();
  const hierarchies = new Set<string>();
  let unified: string | undefined;
  for (const line of mountInfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const mountPoint = left.split(' ')[4];
    const [type, , superOptions = ''] = right.split(' ');
    if (mountPoint === undefined) continue;
    if (type === 'cgroup2') unified ??= mountPoint;
    if (type !== 'cgroup') continue;
    hierarchies.add(mountPoint);
    for (const option of superOptions.split(',')) {
      if (CONTROLLERS.has(option) && !mounts.has(option)) mounts.set(option, mountPoint);
    }
  }
  if (mounts.has('memory')) return { version: 1, mounts, hierarchies: [...hierarchies] };
  if (unified !== undefined) return { version: 2, root: unified };
  throw new Error('no memory controller: neither cgroup v2 nor the memory hierarchy of v1 is mounted');
}
