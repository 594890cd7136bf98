/** `node bench/density.ts [COUNT]`: what idle sandboxes cost the host while they run, frozen, and on disk. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxStatus } from '@atoll/sdk';
import { availableMemoryMb } from '@atoll/server/lib/host-memory';
import { writePage } from './report.ts';
import { openStand } from './stand.ts';
import type { Stand } from './stand.ts';

const DEFAULT_COUNT = 200;
/** By then all have been made: each gets the rest of it as its timeout, so that they fall asleep together. */
const SECS_FOR_EACH = 1.5;
const SECS_AT_LEAST = 30;
/** The others on the machine need some too. */
const KEEP_FREE_MB = 4096;
const LOOK_EVERY_MS = 1_000;
/** How many are made, or written, at once. */
const AT_ONCE = 4;

/** What the sandboxes and the server's process, which is this one, use at one moment; slots kept ready count as well. */
interface Cost {
  stage: string;
  sandboxes: number;
  /** Of all their processes, shared pages in parts: whatever else the machine does is not in it. */
  usedMb: number;
  processes: number;
  serverRssMb: number;
}

const count = Number(process.argv[2] ?? DEFAULT_COUNT);
const stand = await openStand('gvisor', 0);
const costs: Cost[] = [];
try {
  costs.push(costOf(stand, 'before', 0));
  const names = await createAll(stand, count);
  costs.push(costOf(stand, 'running', names.length));
  await eachOf(names, async (name) => {
    while ((await stand.client.get(name)).status !== SandboxStatus.SUSPENDED) await sleep(LOOK_EVERY_MS);
  });
  costs.push(costOf(stand, 'frozen', names.length));
  await eachOf(names, async (name) => {
    // Only who runs is written at once; who is frozen goes to the disk by itself, later.
    await (await stand.client.connect(name)).health();
    await stand.client.suspend(name);
  });
  costs.push(costOf(stand, 'on disk', names.length));
  await eachOf(names.slice(0, AT_ONCE), async (name) => {
    await (await stand.client.connect(name)).health();
  });
} finally {
  await stand.close();
}
process.stdout.write(report(costs));

async function createAll({ client }: Stand, wanted: number): Promise<string[]> {
  const names = Array.from({ length: wanted }, (_, index) => `density-${index}`);
  const made: string[] = [];
  const sleepAt = Date.now() + (SECS_AT_LEAST + wanted * SECS_FOR_EACH) * 1_000;
  await eachOf(names, async (name) => {
    if (availableMemoryMb() < KEEP_FREE_MB) return;
    await client.create({ name, timeoutSecs: Math.max(1, Math.ceil((sleepAt - Date.now()) / 1_000)) });
    made.push(name);
  });
  return made;
}

async function eachOf(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const left = [...names];
  const lane = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

function costOf({ dataDir }: Stand, stage: string, sandboxes: number): Cost {
  const instanceId = readFileSync(join(dataDir, 'instance-id'), 'utf8').trim();
  const pids = processesOf(`atoll-${instanceId}`);
  return {
    stage,
    sandboxes,
    usedMb: Math.round(pids.reduce((sum, pid) => sum + memoryOfKb(pid), 0) / 1024),
    processes: pids.length,
    serverRssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

/** Of the control groups of one server's sandboxes. */
function processesOf(cgroup: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => readOfProcess(pid, 'cgroup').includes(cgroup));
}

function memoryOfKb(pid: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readOfProcess(pid, 'smaps_rollup'))?.[1] ?? 0);
}

/** Empty once the process has ended. */
function readOfProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function report(rows: readonly Cost[]): string {
  const line = ({ stage, sandboxes, usedMb, processes, serverRssMb }: Cost): string => {
    const each = sandboxes === 0 ? '' : (usedMb / sandboxes).toFixed(1);
    return `| ${stage} | ${sandboxes} | ${usedMb} | ${each} | ${processes} | ${serverRssMb} |`;
  };
  return writePage('density.md', 'Density', [
    'Memory is the proportional set size of all processes in the control groups of the sandboxes, slots kept ready included; the server shares its process with the client that measures.',
    '',
    '| stage | sandboxes | memory, MB | each, MB | processes of sandboxes | server, MB |',
    '|---|---|---|---|---|---|',
    ...rows.map(line),
  ]);
}
