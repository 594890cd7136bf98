/** `node bench/asleep.ts [COUNT]`: what sandboxes that sleep on disk cost: processes, the server's memory, its next start. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SandboxClient } from '@atoll/sdk';
import { describeMachine } from './report.ts';
import { timed } from './scenario.ts';
import { projectRoot } from './stand.ts';

const DEFAULT_COUNT = 1_000;
const AT_ONCE = 3;
const SAMPLE = 20;
const START_TIMEOUT_MS = 180_000;

/** The server as a process of its own, so that its memory is nobody else's. */
interface ServerProcess {
  child: ChildProcess;
  url: string;
}

const count = Number(process.argv[2] ?? DEFAULT_COUNT);
const dataDir = mkdtempSync(join(tmpdir(), 'atoll-asleep-'));
const rows: string[] = [];
let server = await start();
const client = (): SandboxClient =>
  new SandboxClient({ apiUrl: server.url, apiKey: readFileSync(join(dataDir, 'admin-key'), 'utf8').trim() });
try {
  note('fresh', 0);
  const names = Array.from({ length: count }, (_, index) => `asleep-${index}`);
  await eachOf(names, async (name) => {
    await client().create({ name });
    await client().suspend(name);
  });
  note('all on disk', count);
  await stop();
  const startMs = await timed(async () => {
    server = await start();
    await client().get(names[0] ?? '');
  });
  note(`started again, first request after ${Math.round(startMs)} ms`, count);
  const wakes: number[] = [];
  for (const name of names.slice(0, SAMPLE)) {
    const sandbox = await client().connect(name);
    wakes.push(await timed(() => sandbox.health()));
  }
  const median = wakes.toSorted((a, b) => a - b)[SAMPLE / 2] ?? 0;
  note(`${SAMPLE} of them woken, ${Math.round(median)} ms each (median)`, count);
  await eachOf(names, (name) => client().delete(name));
  note('all ended', 0);
} finally {
  await stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.stdout.write(report());

async function start(): Promise<ServerProcess> {
  const flags = [
    'server',
    '--listen',
    '127.0.0.1:0',
    '--data-dir',
    dataDir,
    '--runtime',
    'gvisor',
    '--slots',
    '0',
  ];
  const child = spawn(join(projectRoot, 'bin', 'atoll'), flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the server ended')));
  ended.catch(() => {});
  try {
    return { child, url: await Promise.race([listening(child), ended]) };
  } catch (error) {
    child.kill('SIGTERM');
    throw error;
  }
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('the server does not listen')), START_TIMEOUT_MS).unref();
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (url !== undefined) resolve(url);
      });
    }
  });
}

async function stop(): Promise<void> {
  if (server.child.exitCode !== null) return;
  server.child.kill('SIGTERM');
  await once(server.child, 'exit');
}

async function eachOf(names: readonly string[], work: (name: string) => Promise<unknown>): Promise<void> {
  const left = [...names];
  const lane = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

function note(stage: string, sandboxes: number): void {
  const instanceId = readFileSync(join(dataDir, 'instance-id'), 'utf8').trim();
  const rssMb = Math.round(residentKb(server.child.pid ?? 0) / 1024);
  const row = `| ${stage} | ${sandboxes} | ${processesOf(`atoll-${instanceId}`)} | ${rssMb} |`;
  process.stderr.write(`${row}\n`);
  rows.push(row);
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readOfProcess(String(pid), 'status'))?.[1] ?? 0);
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
  const { cores, cpu, memoryGib, kernel } = describeMachine();
  const text = [
    '# Sandboxes on disk',
    '',
    `Taken ${new Date().toISOString()} on ${cores} cores of ${cpu}, ${memoryGib} GiB, Linux ${kernel}.`,
    '',
    '| stage | sandboxes on disk | processes of sandboxes | memory of the server, MB |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
  mkdirSync(join(projectRoot, 'bench', 'results'), { recursive: true });
  writeFileSync(join(projectRoot, 'bench', 'results', 'asleep.md'), text);
  return text;
}
