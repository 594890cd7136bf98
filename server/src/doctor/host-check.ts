import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readCgroupLayout } from '../runtime/cgroup-layout.ts';
import { fail, isAtLeast, ok, readHost, warn } from './check.ts';
import type { Check, CheckResult } from './check.ts';

const MINIMUM_KERNEL = '5.10';
const MINIMUM_NODE = '22.18';
const MINIMUM_MEMORY_MB = 2048;
const MINIMUM_DISK_GB = 10;

const kernel: Check = {
  id: 'kernel',
  title: 'Linux kernel',
  async run(context) {
    const release = await readHost(context, 'proc/sys/kernel/osrelease');
    if (release === undefined)
      return fail('this is not Linux', 'Use a Linux machine, or `--runtime fake` for development.');
    if (isAtLeast(release, MINIMUM_KERNEL)) return ok(release);
    return fail(`${release} is too old`, `Upgrade to a kernel ≥ ${MINIMUM_KERNEL}.`);
  },
};

const root: Check = {
  id: 'root',
  title: 'root rights',
  async run({ userId }) {
    return userId === 0
      ? ok('running as root')
      : fail(`running as user ${userId}`, 'Run the server as root: it makes namespaces, mounts and cgroups.');
  },
};

const node: Check = {
  id: 'node',
  title: 'Node',
  async run({ nodeVersion }) {
    return isAtLeast(nodeVersion, MINIMUM_NODE)
      ? ok(nodeVersion)
      : fail(
          `${nodeVersion} is too old`,
          `Use bin/atoll, which finds a Node ≥ ${MINIMUM_NODE}, or run \`make setup\`.`,
        );
  },
};

const neededControllers = ['cpu', 'memory', 'pids'];

const cgroups: Check = {
  id: 'cgroups',
  title: 'cgroups',
  async run(context) {
    const mountInfo = `${context.hostRoot}/proc/self/mountinfo`;
    const layout = await readCgroupLayout(mountInfo).catch(() => undefined);
    if (layout === undefined) return fail('no memory controller is mounted', mountCgroups);
    const controllers =
      layout.version === 2
        ? ((await readHost(context, `${layout.root}/cgroup.controllers`)) ?? '').split(' ')
        : [...layout.mounts.keys()];
    return judgeControllers(`v${layout.version}`, controllers);
  },
};

const mountCgroups =
  'Boot with systemd.unified_cgroup_hierarchy=1; in a container, give it the cgroup namespace of the host, writable.';

function judgeControllers(version: string, controllers: readonly string[]): CheckResult {
  const missing = neededControllers.filter((name) => !controllers.includes(name));
  if (missing.length > 0) return fail(`${version}, without ${missing.join(', ')}`, mountCgroups);
  const canFreeze = version === 'v2' || controllers.includes('freezer');
  return canFreeze
    ? ok(`${version} with ${neededControllers.join(', ')} and freezing`)
    : warn(`${version} without the freezer`, 'Mount the freezer hierarchy: suspending sandboxes needs it.');
}

const memory: Check = {
  id: 'memory',
  title: 'memory',
  async run(context) {
    const text = (await readHost(context, 'proc/meminfo')) ?? '';
    const availableMb = Math.floor(Number(text.match(/MemAvailable:\s+(\d+)/)?.[1] ?? 0) / 1024);
    if (availableMb >= MINIMUM_MEMORY_MB) return ok(`${availableMb} MB available`);
    return warn(
      `${availableMb} MB available`,
      `Free some, or run few and small sandboxes: an idle one takes 20 MB, a busy one its memory_mb.`,
    );
  },
};

const disk: Check = {
  id: 'disk',
  title: 'disk space',
  async run({ dataDir }) {
    const { path, freeGb } = await freeSpace(dataDir);
    if (freeGb >= MINIMUM_DISK_GB) return ok(`${freeGb} GB free in ${path}`);
    return warn(
      `${freeGb} GB free in ${path}`,
      `Free some, or put --data-dir on a bigger disk (≥ ${MINIMUM_DISK_GB} GB).`,
    );
  },
};

/** Of the folder, or of the nearest one above it while it does not exist yet. */
async function freeSpace(path: string): Promise<{ path: string; freeGb: number }> {
  try {
    const { bavail, bsize } = await statfs(path);
    return { path, freeGb: Math.floor((bavail * bsize) / 1024 ** 3) };
  } catch (error) {
    if (path === dirname(path)) throw error;
    return freeSpace(dirname(path));
  }
}

const clock: Check = {
  id: 'clock',
  title: 'clock',
  async run() {
    const year = new Date().getFullYear();
    return year >= 2026
      ? ok(new Date().toISOString())
      : fail(
          `it says ${year}`,
          'Set the time (timedatectl set-ntp true): certificates and time limits depend on it.',
        );
  },
};

export const hostChecks: readonly Check[] = [kernel, root, node, cgroups, memory, disk, clock];
