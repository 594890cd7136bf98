import { expect, onTestFinished, test } from 'vitest';
import { openDb } from './db.ts';
import type { Db } from './db.ts';
import { createSandboxStore, states } from './sandbox-store.ts';
import type { SandboxRecord, ShownOperation } from './sandbox-store.ts';

const workspaceId = 'w';

/** A store, and the plans of what it asks the database from now on. */
function openStore() {
  const db = openDb(':memory:');
  onTestFinished(() => db.close());
  db.run(`INSERT INTO accounts (id, name, created_at) VALUES ('a', 'a', 0)`);
  db.run(`INSERT INTO workspaces (id, account_id, name, created_at) VALUES ('w', 'a', 'w', 0)`);
  const plans: string[] = [];
  const explain: Db['all'] = (sql, ...params) => {
    const steps = db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...params);
    plans.push(...steps.map(({ detail }) => detail));
    return db.all(sql, ...params);
  };
  const store = createSandboxStore({ ...db, all: explain });
  const add = (id: string, change: Partial<SandboxRecord> = {}) => {
    const record = { ...plain, id, ...change };
    store.insert(record);
    if (record.terminatedAt !== undefined) {
      store.change(record, record.operation, { terminatedAt: record.terminatedAt });
    }
  };
  return { store, add, plans };
}

const plain: SandboxRecord = {
  id: '',
  workspaceId,
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

test('what is asked often reads no history', () => {
  const { store, plans } = openStore();
  store.list(workspaceId, 5, { limit: 10, after: { at: 3, id: 'b' } });
  store.runningWithTimeout();
  store.unsettled();
  store.byName(workspaceId, 'x');
  store.lastEndedByName(workspaceId, 'x', 5);
  const history = plans.filter((step) => /sandboxes_by_age|SCAN sandboxes$/.test(step));
  expect(history).toEqual([]);
  expect(plans.join('\n')).toContain('sandboxes_ended_by_name');
  expect(plans.join('\n')).toContain('sandboxes_with_timeout');
});

test('a list has the living and those that ended lately, newest first', () => {
  const { store, add } = openStore();
  add('old', { createdAt: 1, state: 'terminated', terminatedAt: 4 });
  add('late', { createdAt: 2, state: 'failed', terminatedAt: 9 });
  add('alive', { createdAt: 3 });
  const ids = (limit: number) => store.list(workspaceId, 5, { limit }).map(({ id }) => id);
  expect(ids(10)).toEqual(['alive', 'late']);
  expect(ids(1)).toEqual(['alive']);
  const next = store.list(workspaceId, 5, { limit: 10, after: { at: 3, id: 'alive' } });
  expect(next.map(({ id }) => id)).toEqual(['late']);
});

test('a filtered page is full while there are sandboxes to fill it', () => {
  const { store, add } = openStore();
  for (let at = 1; at <= 6; at += 1)
    add(`s${at}`, { createdAt: at, state: at < 4 ? 'suspended' : 'running' });
  add('falling', { createdAt: 7, operation: 'suspend' });
  const ids = (filter: { states: (typeof plain.state)[]; during?: ShownOperation }) =>
    store.list(workspaceId, 0, { limit: 2, filter }).map(({ id }) => id);
  expect(ids({ states: ['suspended'] })).toEqual(['s3', 's2']);
  expect(ids({ states: ['running'] })).toEqual(['s6', 's5']);
  expect(ids({ states: [...states], during: 'suspending' })).toEqual(['falling']);
});

test('unsettled is what lives, what is under way, and what has a slot', () => {
  const { store, add } = openStore();
  add('alive');
  add('ended', { state: 'terminated', terminatedAt: 1 });
  add('ending', { state: 'failed', operation: 'terminate' });
  add('left', { state: 'failed', terminatedAt: 1 });
  store.change({ id: 'left', incarnation: 1 }, undefined, { slotId: 'slot0001' });
  expect(
    store
      .unsettled()
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(['alive', 'ending', 'left']);
});

test('what ended long ago is forgotten, unless something of it is left', () => {
  const { store, add } = openStore();
  add('alive');
  add('old', { state: 'terminated', terminatedAt: 1 });
  add('stuck', { state: 'failed', terminatedAt: 1 });
  store.change({ id: 'stuck', incarnation: 1 }, undefined, { slotId: 'slot0001' });
  add('late', { state: 'terminated', terminatedAt: 9 });
  expect(store.forgetEnded(5, 100)).toBe(1);
  expect(store.byId(workspaceId, 'old')).toBeUndefined();
});

test('rules are written over those of the generation before alone, and not once the sandbox has ended', () => {
  const { store, add } = openStore();
  add('alive');
  add('ended', { state: 'terminated', terminatedAt: 1 });
  const network = { internet: false, allowOut: ['1.1.1.1'], denyOut: ['*.example.com'] };
  expect(store.setNetwork('alive', network, 2)).toBe(false);
  expect(store.setNetwork('alive', network, 1)).toBe(true);
  expect(store.setNetwork('alive', plain.network, 1)).toBe(false);
  expect(store.setNetwork('ended', network, 1)).toBe(false);
  expect(store.byId(workspaceId, 'alive')).toMatchObject({ network, networkGeneration: 1 });
});
