/**
 * `node bench/soak.ts [MINUTES]`: create, command, write, snapshot, copy and terminate at the highest rate that the machine
 * holds. Afterwards the host has what it had before, and the server no more memory than after its first minute.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeCensus } from '../test/fixtures/census.ts';
import { writePage } from './report.ts';
import { startServerProcess } from './server-process.ts';

const DEFAULT_MINUTES = 10;
const LANES = 4;
const READY_SLOTS = 2;
const SAMPLE_EVERY_MS = 10_000;
/** The first part fills caches; what the memory does after it counts. */
const WARM_UP = 0.2;
const MAX_GROWTH_MB = 40;
const SETTLE_MS = 120_000;
const LOOK_EVERY_MS = 5_000;
const EQUAL_LOOKS = 4;
/** Slots that were kept ready for what there was go after five minutes without use. */
const FORGOTTEN_AFTER_MS = 6.5 * 60_000;

const minutes = Number(process.argv[2] ?? DEFAULT_MINUTES);
const dataDir = mkdtempSync(join(tmpdir(), 'atoll-soak-'));
const server = await startServerProcess(dataDir, READY_SLOTS);
const { client } = server;
const counts = new Map<string, number>();
const failures: string[] = [];
const memoryMb: number[] = [];

let leaks: string[] = [];
try {
  await life('warm-up'); // images are imported, layers unpacked
  await Promise.all(Array.from({ length: LANES }, (_, lane) => life(`warm-up-${lane}`)));
  const before = await settled();
  const until = Date.now() + minutes * 60_000;
  const ended = new AbortController();
  const sampling = sample(ended.signal);
  await Promise.all(Array.from({ length: LANES }, (_, lane) => live(`lane-${lane}`, until)));
  ended.abort();
  await sampling;
  leaks = await findLeaks(before);
} finally {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
const growthMb = growth();
process.stdout.write(report());
process.exitCode = leaks.length === 0 && failures.length === 0 && growthMb <= MAX_GROWTH_MB ? 0 : 1;

async function live(name: string, until: number): Promise<void> {
  for (let round = 0; Date.now() < until; round += 1) {
    await life(`${name}-${round}`).catch((error: unknown) => failures.push(String(error)));
  }
}

/** One sandbox from its create to its end, with a snapshot and a copy. */
async function life(name: string): Promise<void> {
  const sandbox = await counted('create', () => client.createAndConnect({ name }));
  await counted('command', () => sandbox.run('/bin/true'));
  await counted('write', () => sandbox.writeFile('/tmp/written', new Uint8Array(1 << 20)));
  const snapshot = await counted('snapshot', () => client.snapshotAndWait(name));
  const { sandboxes } = await counted('copy', () => client.copy(name));
  for (const { sandboxId } of sandboxes) await client.delete(sandboxId);
  await counted('terminate', () => client.delete(name));
  await client.deleteSnapshot(snapshot.snapshotId);
}

async function counted<T>(what: string, work: () => Promise<T>): Promise<T> {
  const result = await work();
  counts.set(what, (counts.get(what) ?? 0) + 1);
  return result;
}

async function sample(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    memoryMb.push(server.residentMb());
    await sleep(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** What there is of each kind: processes and slots have new names each time. */
async function census(): Promise<Map<string, number>> {
  const { instanceId } = server;
  const lines = await takeCensus({ instanceId, dataDir, runDir: '/run/atoll' });
  const kinds = [
    ...lines.map((line) => line.split(' ', 1)[0] ?? ''),
    ...Array<string>(server.openFileCount()).fill('fd'),
  ];
  return kinds.reduce(
    (found, kind) => found.set(kind, (found.get(kind) ?? 0) + 1),
    new Map<string, number>(),
  );
}

function text(found: Map<string, number>): string {
  return JSON.stringify([...found].toSorted());
}

/** Waits until nothing changes any more: slots are made anew, and what has ended is swept. */
async function settled(): Promise<Map<string, number>> {
  const deadline = Date.now() + SETTLE_MS;
  let now = await census();
  for (let equal = 0; equal < EQUAL_LOOKS && Date.now() < deadline;) {
    await sleep(LOOK_EVERY_MS);
    const next = await census();
    equal = text(next) === text(now) ? equal + 1 : 0;
    now = next;
  }
  return now;
}

async function findLeaks(before: Map<string, number>): Promise<string[]> {
  const deadline = Date.now() + FORGOTTEN_AFTER_MS;
  for (;;) {
    const more = moreThan(before, await settled());
    if (more.length === 0 || Date.now() > deadline) return more;
  }
}

function moreThan(before: Map<string, number>, after: Map<string, number>): string[] {
  return [...after].flatMap(([kind, count]) => {
    const had = before.get(kind) ?? 0;
    // A few files more are open while connections are kept for the next request.
    const allowed = kind === 'fd' ? had + 16 : had;
    return count > allowed ? [`${kind}: ${had} before, ${count} after`] : [];
  });
}

function growth(): number {
  const steady = memoryMb.slice(Math.ceil(memoryMb.length * WARM_UP));
  const half = Math.floor(steady.length / 2);
  const mean = (values: number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  return Math.round(mean(steady.slice(half)) - mean(steady.slice(0, half)));
}

function report(): string {
  const reasons = [...new Set(failures)].slice(0, 5).join('; ');
  return writePage('soak.md', 'Soak', [
    `${minutes} minutes, ${LANES} lives at a time.`,
    '',
    '| what | times |',
    '|---|---|',
    ...[...counts].map(([what, count]) => `| ${what} | ${count} |`),
    '',
    `Failures: ${failures.length}${reasons && ` (${reasons})`}.`,
    `Left behind: ${leaks.length === 0 ? 'nothing' : leaks.join('; ')}.`,
    `Memory of the server: ${memoryMb.at(0) ?? 0} MB at first, ${memoryMb.at(-1) ?? 0} MB at last, second half against the first after warming up: ${growthMb} MB.`,
  ]);
}
