/** `node bench/asleep.ts [COUNT]`: what sandboxes that sleep on disk cost: processes, the server's memory, its next start. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePage } from './report.ts';
import { timed } from './scenario.ts';
import { startServerProcess } from './server-process.ts';

const DEFAULT_COUNT = 1_000;
const AT_ONCE = 3;
const SAMPLE = 20;
const SETTLE_MS = 5_000;

const count = Number(process.argv[2] ?? DEFAULT_COUNT);
const dataDir = mkdtempSync(join(tmpdir(), 'atoll-asleep-'));
const rows: string[] = [];
let server = await startServerProcess(dataDir, 0);
try {
  note('fresh', 0);
  const names = Array.from({ length: count }, (_, index) => `asleep-${index}`);
  await eachOf(names, async (name) => {
    await server.client.create({ name });
    await server.client.suspend(name);
  });
  await slotsFreed();
  note('all on disk', count);
  await server.stop();
  const startMs = await timed(async () => {
    server = await startServerProcess(dataDir, 0);
    await server.client.get(names[0] ?? '');
  });
  note(`started again, first request after ${Math.round(startMs)} ms`, count);
  const wakes: number[] = [];
  for (const name of names.slice(0, SAMPLE)) {
    const sandbox = await server.client.connect(name);
    wakes.push(await timed(() => sandbox.health()));
  }
  const median = wakes.toSorted((a, b) => a - b)[SAMPLE / 2] ?? 0;
  note(`${SAMPLE} of them woken, ${Math.round(median)} ms each (median)`, count);
  await eachOf(names, (name) => server.client.delete(name));
  note('all ended', 0);
} finally {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.stdout.write(report());

async function eachOf(names: readonly string[], work: (name: string) => Promise<unknown>): Promise<void> {
  const left = [...names];
  const lane = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

function note(stage: string, sandboxes: number): void {
  const row = `| ${stage} | ${sandboxes} | ${processesOf(`atoll-${server.instanceId}`)} | ${server.residentMb()} |`;
  process.stderr.write(`${row}\n`);
  rows.push(row);
}

/** The slots of sandboxes that were written to disk are freed after their callers have been told. */
async function slotsFreed(): Promise<void> {
  const countNow = (): number => processesOf(`atoll-${server.instanceId}`);
  for (let before = Infinity, now = countNow(); now < before; now = countNow()) {
    before = now;
    await sleep(SETTLE_MS);
  }
}

/** Those in the control groups of one server's sandboxes. */
function processesOf(cgroup: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => readOfProcess(pid, 'cgroup').includes(cgroup)).length;
}

/** Empty once the process has ended. */
function readOfProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function report(): string {
  return writePage('asleep.md', 'Sandboxes on disk', [
    'A sandbox on disk has no process: those that are counted are of sandboxes that were woken, and of slots that are kept ready for the next creates, which go after five minutes without one.',
    '',
    '| stage | sandboxes on disk | processes | memory of the server, MB |',
    '|---|---|---|---|',
    ...rows,
  ]);
}
