import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';
import { useServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { damagedBlobs } from './damaged-blobs.ts';
import { disasters, strike } from './disaster.ts';
import type { Disaster } from './disaster.ts';
import { createLedger, leaveMark, lookAtBoth, lookAtFile } from './ledger.ts';
import type { Kept, Ledger, Owned } from './ledger.ts';
import { createRandom, seed } from './random.ts';
import type { Random } from './random.ts';
import { readCheckpoints, readRecords } from './records.ts';
import { createCalls, idOf } from './sandbox-calls.ts';
import type { Calls, Outcome } from './sandbox-calls.ts';

const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const ROUNDS = Number(process.env['ATOLL_TEST_ROUNDS'] ?? (isLong ? 100 : 5));
const CLIENTS = 3;
const MAX_LIVING = 4;
const MAX_SNAPSHOTS = 4;
const LONGEST_ROUND_MS = 3_000;
const SETTLE_TIMEOUT_MS = 90_000;

/** What a client may be told while others do the same to the same sandboxes, and parts of them are killed. */
const expectedStatuses = new Set([200, 201, 202, 204, 400, 404, 409, 410, 502, 503, 504]);

const gvisor = (await findDriversUnderTest()).find(({ name }) => name === 'gvisor');

describe.runIf(gvisor !== undefined && gvisor.obstacle === undefined)(
  `sandboxes of which anything may be killed (ATOLL_TEST_SEED=${seed})`,
  () => {
    const server = useServer({ runtime: 'gvisor', args: ['--slots', '1'] });
    test(
      `keep what was promised over ${ROUNDS} rounds`,
      async () => {
        const random = createRandom(seed);
        const ledger = createLedger();
        // Each kind once in a short run, then as it comes.
        for (let round = 0; round < ROUNDS; round += 1) {
          const disaster = disasters[round] ?? random.pick(disasters) ?? 'none';
          const when = `round ${round + 1}, ${disaster}`;
          const outcomes = await disturb(server(), ledger, random, disaster);
          expect(outcomes.filter((outcome) => isWrong(outcome, disaster)).map(inOneLine), when).toEqual([]);
          await expectSettled(server(), when);
          await expectSandboxes(server(), ledger, random, when);
          await expectSnapshots(server(), ledger, random, { when, disaster });
          await expectNoLeaks(server(), when);
        }
      },
      ROUNDS * 30_000 + 60_000,
    );
  },
);

const inOneLine = ({ call, status, body }: Outcome): string => `${status} to ${call}: ${body.slice(0, 300)}`;

/** Whose runtime is killed while something is done to it is told that this failed. */
const isWrong = ({ status }: Outcome, disaster: Disaster): boolean =>
  !expectedStatuses.has(status) && !(status === 500 && (disaster === 'sentry' || disaster === 'agent'));

/** Clients work, and in the middle of it the disaster comes. */
async function disturb(
  server: TestServer,
  ledger: Ledger,
  random: Random,
  disaster: Disaster,
): Promise<Outcome[]> {
  const stop = new AbortController();
  const outcomes: Outcome[] = [];
  const calls = createCalls(server, stop.signal);
  const clients = Array.from({ length: CLIENTS }, async () => {
    const own = createRandom(random.int(2 ** 31));
    while (!stop.signal.aborted) {
      const outcome = await step(calls, ledger, own);
      if (outcome) outcomes.push(outcome);
      // A server that is gone answers at once.
      else await sleep(50);
    }
  });
  await sleep(500 + random.int(LONGEST_ROUND_MS));
  await strike(disaster, server, ledger, random);
  stop.abort();
  await Promise.all(clients);
  return outcomes;
}

async function step(calls: Calls, ledger: Ledger, random: Random): Promise<Outcome | undefined> {
  const [id, owned] = ledger.pick(random) ?? [];
  const dice = random.int(20);
  if (id === undefined || owned === undefined || (dice < 4 && ledger.sandboxes.size < MAX_LIVING))
    return create(calls, ledger, random);
  if (dice < 8) return calls.suspend(id);
  if (dice < 10) return calls.resume(id);
  if (dice < 13) return calls.run(id, 'echo here');
  if (dice < 16) return snapshot(calls, ledger, id, random);
  if (dice < 17) return copy(calls, ledger, id, owned);
  if (dice < 19) return rollBack(calls, ledger, id, random);
  owned.mayHaveEnded = true;
  return calls.terminate(id);
}

async function create(calls: Calls, ledger: Ledger, random: Random): Promise<Outcome | undefined> {
  const mark = `mark${random.int(2 ** 31)}`;
  const created = await calls.create(mark);
  const id = idOf(created);
  if (id === undefined) return created;
  const marked = await calls.run(id, leaveMark(mark));
  if (marked?.status === 200) ledger.sandboxes.set(id, { mark, hasProcess: true, mayHaveEnded: false });
  return created;
}

async function snapshot(
  calls: Calls,
  ledger: Ledger,
  id: string,
  random: Random,
): Promise<Outcome | undefined> {
  const kind = random.pick(['filesystem', 'memory'] as const) ?? 'filesystem';
  const begun = await calls.snapshot(id, kind);
  const owned = ledger.sandboxes.get(id);
  if (begun?.status === 202 && owned) {
    const { snapshot_id: snapshotId } = JSON.parse(begun.body) as { snapshot_id: string }; // wire 1.5
    ledger.asked.set(snapshotId, { kind, mark: owned.mark, hasProcess: owned.hasProcess });
  }
  return begun;
}

async function copy(calls: Calls, ledger: Ledger, id: string, { mark }: Owned): Promise<Outcome | undefined> {
  const copied = await calls.copy(id);
  if (copied?.status !== 200) return copied;
  const { sandboxes } = JSON.parse(copied.body) as { sandboxes: { sandbox_id: string }[] }; // wire 1.6
  // Its source may have been rolled back before or after.
  for (const { sandbox_id: copyId } of sandboxes)
    ledger.sandboxes.set(copyId, { mark, hasProcess: false, mayHaveEnded: false });
  return copied;
}

/** From now on it is not known whether its process is there: the rollback may be cut. */
async function rollBack(
  calls: Calls,
  ledger: Ledger,
  id: string,
  random: Random,
): Promise<Outcome | undefined> {
  const own = [...ledger.kept].filter(([, { mark }]) => mark === ledger.sandboxes.get(id)?.mark);
  const [snapshotId] = random.pick(own) ?? [];
  const owned = ledger.sandboxes.get(id);
  if (snapshotId === undefined || owned === undefined) return calls.get(id);
  owned.hasProcess = false;
  for (const kept of ledger.asked.values()) if (kept.mark === owned.mark) kept.hasProcess = false;
  return calls.rollback(id, snapshotId);
}

/** Every record comes to rest, and says no more than there is. */
async function expectSettled(server: TestServer, when: string): Promise<void> {
  const inFlight = () =>
    readRecords(server.dataDir).filter(({ state, operation }) => operation !== null || state === 'pending');
  await expect.poll(inFlight, { timeout: SETTLE_TIMEOUT_MS, message: `in flight after ${when}` }).toEqual([]);
}

/** What nobody ended lives, with all that it held; what no client knows is ended here. */
async function expectSandboxes(
  server: TestServer,
  ledger: Ledger,
  random: Random,
  when: string,
): Promise<void> {
  const calls = createCalls(server);
  for (const { id, state } of readRecords(server.dataDir)) {
    const owned = ledger.sandboxes.get(id);
    const hasEnded = state === 'terminated' || state === 'failed';
    if (hasEnded && owned) {
      expect(owned.mayHaveEnded, `${id} has ended in ${when}`).toBe(true);
      ledger.sandboxes.delete(id);
    } else if (!hasEnded && owned === undefined) {
      expect((await calls.terminate(id))?.status, `terminate after ${when}`).toBe(200);
    } else if (owned && (state === 'running' || random.int(2) === 0)) {
      await expectMark(calls, ledger, id, owned, `${id}, ${state} after ${when}`);
    }
  }
}

/** A killed runtime may be found out by the very request. */
async function expectMark(
  calls: Calls,
  ledger: Ledger,
  id: string,
  owned: Owned | Kept,
  what: string,
): Promise<void> {
  const answer = await calls.run(id, owned.hasProcess ? lookAtBoth : lookAtFile);
  if (answer?.status !== 200 && 'mayHaveEnded' in owned && owned.mayHaveEnded) {
    ledger.sandboxes.delete(id);
    await calls.terminate(id);
    return;
  }
  expect(answer, what).toMatchObject({ status: 200, body: expect.stringContaining(owned.mark) as string });
  if (owned.hasProcess) expect(answer?.body, what).toContain(`memory ${owned.mark}`);
}

interface Listed {
  id: string;
  status: string;
  error?: string;
}

/** Nothing but what a client or the disaster has ended in the middle may fail. */
const isCut = ({ error = '' }: Listed, disaster: Disaster): boolean =>
  disaster === 'sentry' || disaster === 'agent' || cutReasons.includes(error);

const cutReasons = ['the sandbox was terminated meanwhile', 'the server ended while it was taken'];

/** What was once reported as safe is there and whole; one of them is started from. */
async function expectSnapshots(
  server: TestServer,
  ledger: Ledger,
  random: Random,
  { when, disaster }: { when: string; disaster: Disaster },
): Promise<void> {
  const calls = createCalls(server);
  const answer = await calls.snapshots();
  const { snapshots } = JSON.parse(answer?.body ?? '{}') as { snapshots: Listed[] }; // wire 1.5
  const failed = snapshots.filter(({ status }) => status === 'failed');
  expect(
    failed.filter((snapshot) => !isCut(snapshot, disaster)),
    `failed in ${when}`,
  ).toEqual([]);
  for (const { id } of failed) await calls.removeSnapshot(id);
  const safe = snapshots.filter(({ status }) => status === 'local_ready' || status === 'completed');
  const safeIds = safe.map(({ id }) => id);
  for (const id of ledger.kept.keys()) expect(safeIds, `snapshots after ${when}`).toContain(id);
  for (const id of safeIds) {
    const asked = ledger.asked.get(id);
    if (asked) ledger.kept.set(id, asked);
    else if (!ledger.kept.has(id)) await calls.removeSnapshot(id);
  }
  ledger.asked.clear();
  expect(await damagedBlobs(server.dataDir), `damaged after ${when}`).toEqual([]);
  const [snapshotId, kept] = random.pick([...ledger.kept]) ?? [];
  if (snapshotId !== undefined && kept) await expectRestores(calls, ledger, snapshotId, kept, when);
  for (const old of [...ledger.kept.keys()].slice(0, -MAX_SNAPSHOTS)) {
    ledger.kept.delete(old);
    expect((await calls.removeSnapshot(old))?.status).toBeLessThan(300);
  }
}

async function expectRestores(
  calls: Calls,
  ledger: Ledger,
  snapshotId: string,
  kept: Kept,
  when: string,
): Promise<void> {
  const restored = await calls.restore(snapshotId);
  const id = idOf(restored) ?? '';
  expect(restored?.status, `${restored?.body} after ${when}`).toBe(200);
  const hasProcess = kept.hasProcess && kept.kind === 'memory';
  await expectMark(calls, ledger, id, { ...kept, hasProcess }, `${id} from ${kept.kind} after ${when}`);
  await calls.terminate(id);
}

/** Nothing of what ended is left on the host, and no checkpoint that nobody needs on the disk. */
async function expectNoLeaks(server: TestServer, when: string): Promise<void> {
  const extra = async (): Promise<string[]> => {
    const records = readRecords(server.dataDir);
    const living = records.filter(({ slotId }) => slotId !== null).length;
    const pods = (await server.census()).filter((line) => line.startsWith('netns ')).length;
    const ready = await readyCount(server);
    const checkpoints = readCheckpoints(server.dataDir);
    const files = readdirSync(join(server.dataDir, 'checkpoints'));
    return [
      ...(pods > living + ready ? [`${pods} pods for ${living} sandboxes and ${ready} ready`] : []),
      ...checkpoints.filter(({ isHeld }) => isHeld === 0).map(({ id }) => `checkpoint ${id}`),
      ...files.filter((name) => !checkpoints.some(({ id }) => id === name)).map((name) => `file ${name}`),
    ];
  };
  await expect.poll(extra, { timeout: SETTLE_TIMEOUT_MS, message: `left after ${when}` }).toEqual([]);
}

async function readyCount(server: TestServer): Promise<number> {
  const answer = await server.fetch('/metrics');
  return Number(/^atoll_slots_ready (\d+)$/m.exec(await answer.text())?.[1]);
}
