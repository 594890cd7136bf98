import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createLog } from '../lib/log.ts';
import { openDb } from '../store/db.ts';
import { createSandboxStore } from '../store/sandbox-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { createActivity } from './activity.ts';
import { createReaper } from './reaper.ts';

const SANDBOXES = 1_000;
const REQUESTS_EACH = 10;
const LONGEST_TIMEOUT_S = 30;
const STEP_MS = 100;
const TOLERANCE_MS = 1_000;

const plain: Omit<SandboxRecord, 'id'> = {
  workspaceId: 'w',
  state: 'running',
  incarnation: 1,
  runtime: 'fake',
  image: 'plain',
  manifestDigest: 'sha256:0',
  agentDigest: '0',
  limits: { cpus: 1, memoryMb: 64, diskMb: 64 },
  network: { internet: true, allowOut: [], denyOut: [] },
  networkGeneration: 0,
  exposedPorts: [],
  allowUnauthenticated: false,
  createdAt: 1,
};

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

/** A reaper over sandboxes that run; what it ends is gone, and when it ended is kept. */
function openReaper() {
  const db = openDb(':memory:');
  db.run(`INSERT INTO accounts (id, name, created_at) VALUES ('a', 'a', 0)`);
  db.run(`INSERT INTO workspaces (id, account_id, name, created_at) VALUES ('w', 'a', 'w', 0)`);
  const store = createSandboxStore(db);
  const clock = { now: () => Date.now() };
  const activity = createActivity(clock.now);
  const endedAt = new Map<string, number>();
  const endAs =
    (state: SandboxRecord['state']) =>
    (record: SandboxRecord): Promise<void> => {
      endedAt.set(record.id, clock.now());
      store.change(record, undefined, { state, suspendedAt: clock.now() });
      return Promise.resolve();
    };
  const ends = { expire: endAs('suspended'), end: endAs('terminated') };
  const reaper = createReaper({ store, clock, activity, log: createLog('silent') }, ends);
  onTestFinished(() => {
    reaper.stop();
    db.close();
  });
  const add = (id: string, timeoutSecs?: number): void => {
    store.insert({ ...plain, id, ...(timeoutSecs !== undefined && { timeoutSecs }) });
    activity.restart(id);
  };
  return { reaper, activity, endedAt, add, store };
}

/** Time passes as the event loop sees it: in steps, with all timers that are due in each. */
async function passSeconds(seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds * 1_000; passed += STEP_MS)
    await vi.advanceTimersByTimeAsync(STEP_MS);
}

test('1,000 sandboxes end within a second of their timeouts, with one timer for all of them', async () => {
  const { reaper, activity, endedAt, add } = openReaper();
  const timeouts = new Map(
    Array.from({ length: SANDBOXES }, (_, index) => [`s${index}`, 1 + (index % LONGEST_TIMEOUT_S)]),
  );
  for (const [id, timeoutSecs] of timeouts) add(id, timeoutSecs);
  reaper.start();
  const lastUsedAt = new Map<string, number>();
  for (let request = 0; request < REQUESTS_EACH; request += 1) {
    for (const id of timeouts.keys()) activity.hold(id)();
    expect(vi.getTimerCount()).toBe(1);
    for (const id of timeouts.keys()) lastUsedAt.set(id, Date.now());
    await vi.advanceTimersByTimeAsync(73);
  }
  await passSeconds(LONGEST_TIMEOUT_S + 2);
  const late = [...timeouts].map(([id, timeoutSecs]) => {
    const dueAt = (lastUsedAt.get(id) ?? 0) + timeoutSecs * 1_000;
    return (endedAt.get(id) ?? Number.POSITIVE_INFINITY) - dueAt;
  });
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...late)).toBeLessThanOrEqual(TOLERANCE_MS);
});

test('the idle clock stands still while a stream is attached, and begins anew after the last one', async () => {
  const { reaper, activity, endedAt, add } = openReaper();
  add('watched', 2);
  reaper.start();
  const [terminal, tunnel] = [activity.hold('watched'), activity.hold('watched')];
  await passSeconds(60);
  terminal();
  terminal();
  await passSeconds(60);
  expect(endedAt.size).toBe(0);
  tunnel();
  const letGoAt = Date.now();
  await passSeconds(1);
  expect(endedAt.size).toBe(0);
  await passSeconds(2);
  expect((endedAt.get('watched') ?? 0) - letGoAt).toBeGreaterThanOrEqual(2_000);
});

test.each([undefined, 0])('a timeout of %s never comes', async (timeoutSecs) => {
  const { reaper, endedAt, add } = openReaper();
  add('for ever', timeoutSecs);
  reaper.start();
  await passSeconds(600);
  expect(endedAt.size).toBe(0);
});

test('an end of life comes whatever the sandbox does, and after enough idle time also to one that sleeps', async () => {
  const { reaper, activity, endedAt, store } = openReaper();
  store.insert({ ...plain, id: 'busy', expiresAt: Date.now() + 5_000 });
  store.insert({ ...plain, id: 'idle', name: 'idle', timeoutSecs: 2, idleLimitSecs: 60 });
  for (const id of ['busy', 'idle']) activity.restart(id);
  activity.hold('busy');
  reaper.start();
  await passSeconds(4);
  expect([...endedAt.keys()]).toEqual(['idle']);
  await passSeconds(2);
  expect([...endedAt.keys()]).toEqual(['idle', 'busy']);
  const asleepAt = endedAt.get('idle') ?? 0;
  await passSeconds(62);
  expect(store.byIdAnywhere('idle')?.state).toBe('terminated');
  expect((endedAt.get('idle') ?? 0) - asleepAt).toBeGreaterThanOrEqual(60_000);
});
