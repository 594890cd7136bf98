import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeOnUsualDriver, startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { createRandom, seed } from './random.ts';
import type { Random } from './random.ts';
import { readRecords } from './records.ts';
import { createCalls, idOf } from './sandbox-calls.ts';
import type { Calls, Outcome } from './sandbox-calls.ts';

const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const ROUNDS = isLong ? 50 : 10;
const CLIENTS = 4;
const MAX_LIVING = 6;
const LONGEST_ROUND_MS = 2_500;
const TEST_TIMEOUT_MS = ROUNDS * 30_000;
const names = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];

/** What a client may be told while others do the same with the same names. */
const expectedStatuses = new Set([200, 201, 204, 404, 409, 410, 503]);

describeOnUsualDriver(
  `a server that is killed at random (ATOLL_TEST_SEED=${seed})`,
  (getServer, driver) => {
    let neighbour: TestServer;
    let neighbourSandbox: string;
    const random = createRandom(seed);

    beforeAll(async () => {
      neighbour = await startTestServer({ runtime: driver, args: ['--slots', '1'] });
      const calls = createCalls(neighbour);
      neighbourSandbox = idOf(await calls.create('neighbour')) ?? '';
      const started = await calls.run(
        neighbourSandbox,
        'nohup sleep 100000 >/dev/null 2>&1 & echo $! > /tmp/pid',
      );
      expect(started?.status).toBe(200);
    }, 60_000);
    afterAll(() => neighbour.close(), 60_000);

    test(
      `settles everything after each of ${ROUNDS} ends`,
      async () => {
        const server = getServer();
        for (let round = 1; round <= ROUNDS; round += 1) {
          const unexpected = await disturb(server, random);
          expect(unexpected, `round ${round}`).toEqual([]);
          await server.restart();
          await expectSettled(server, `round ${round}`);
        }
        await expectNamesFree(server);
      },
      TEST_TIMEOUT_MS,
    );

    test('touches nothing of the server beside it', async () => {
      const outcome = await createCalls(neighbour).run(
        neighbourSandbox,
        'kill -0 $(cat /tmp/pid) && echo alive',
      );
      expect(outcome?.body).toContain('alive');
      expect(readRecords(neighbour.dataDir)).toMatchObject([{ id: neighbourSandbox, state: 'running' }]);
    });
  },
  { args: ['--slots', '2'] },
);

/** Clients work until the server is killed under them. Gives the answers that no client should get. */
async function disturb(server: TestServer, random: Random): Promise<Outcome[]> {
  const stop = new AbortController();
  const known = readRecords(server.dataDir).flatMap(({ id, state }) => (state === 'running' ? [id] : []));
  const outcomes: Outcome[] = [];
  const calls = createCalls(server, stop.signal);
  const clients = Array.from({ length: CLIENTS }, () =>
    work(calls, createRandom(random.int(2 ** 31)), known, outcomes, stop.signal),
  );
  await new Promise((resolve) => setTimeout(resolve, random.int(LONGEST_ROUND_MS)));
  await server.kill9();
  stop.abort();
  await Promise.all(clients);
  return outcomes.filter(({ status }) => !expectedStatuses.has(status));
}

async function work(
  calls: Calls,
  random: Random,
  known: string[],
  outcomes: Outcome[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const outcome = await step(calls, random, known);
    if (outcome) outcomes.push(outcome);
  }
}

async function step(calls: Calls, random: Random, known: string[]): Promise<Outcome | undefined> {
  const id = random.pick(known);
  const dice = random.int(10);
  if (id === undefined || (dice < 4 && known.length < MAX_LIVING)) {
    const created = await calls.create(random.int(2) === 0 ? random.pick(names) : undefined);
    const newId = idOf(created);
    if (newId !== undefined) known.push(newId);
    return created;
  }
  if (dice < 6) return calls.run(id, 'echo here; sleep 0.2');
  if (dice < 7) return calls.write(id, 'x'.repeat(random.int(200_000)));
  if (dice < 8) return calls.rename(id, random.pick(names) ?? 'alpha');
  known.splice(known.indexOf(id), 1);
  return calls.terminate(id);
}

/** Nothing is half-made: what runs answers, what ended has nothing. */
async function expectSettled(server: TestServer, when: string): Promise<void> {
  const records = readRecords(server.dataDir);
  const inFlight = records.filter(({ state, operation }) => operation !== null || state === 'pending');
  expect(inFlight, `in flight after ${when}`).toEqual([]);
  const running = records.filter(({ state }) => state === 'running');
  const ended = records.filter(({ state }) => state !== 'running');
  expect(
    ended.filter(({ slotId }) => slotId !== null),
    `ended with a slot after ${when}`,
  ).toEqual([]);
  const calls = createCalls(server);
  const answers = await Promise.all(running.map(({ id }) => calls.run(id, 'echo it is me')));
  expect(
    answers.map((answer) => answer?.status),
    `running after ${when}`,
  ).toEqual(running.map(() => 200));
  for (const answer of answers) expect(answer?.body).toContain('it is me');
}

/** A name belongs to a living sandbox or to nobody. */
async function expectNamesFree(server: TestServer): Promise<void> {
  const calls = createCalls(server);
  const taken = readRecords(server.dataDir).flatMap(({ name, state }) => (state === 'running' ? [name] : []));
  const id = idOf(await calls.create()) ?? '';
  for (const name of names.filter((candidate) => !taken.includes(candidate)))
    expect((await calls.rename(id, name))?.status, name).toBe(200);
}
