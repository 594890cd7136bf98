import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { openDb } from './db.ts';
import { createQuotaStore } from './quota-store.ts';
import { createSandboxStore } from './sandbox-store.ts';
import type { SandboxRecord } from './sandbox-store.ts';

const workspaceId = 'w';
const ENDED_SINCE = 5;

const recordOf = (index: number, createdAt: number, cpus: number): SandboxRecord => ({
  id: `s${String(index).padStart(2, '0')}`,
  workspaceId,
  state: 'running',
  incarnation: 1,
  runtime: 'fake',
  image: 'plain',
  manifestDigest: 'sha256:0',
  agentDigest: '0',
  limits: { cpus, memoryMb: 64, diskMb: 32 },
  network: { internet: true, allowOut: [], denyOut: [] },
  networkGeneration: 0,
  exposedPorts: [],
  allowUnauthenticated: false,
  createdAt,
});

/** When each was made, when it ended if it has, and its size. */
const lives = fc.array(
  fc.record({
    createdAt: fc.integer({ min: 1, max: 10 }),
    lastedMs: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
    cpus: fc.constantFrom(0.1, 0.3, 1, 2.5),
  }),
  { maxLength: 30 },
);

function openStore() {
  const db = openDb(':memory:');
  onTestFinished(() => db.close());
  db.run(`INSERT INTO accounts (id, name, created_at) VALUES ('a', 'a', 0)`);
  db.run(`INSERT INTO workspaces (id, account_id, name, created_at) VALUES ('w', 'a', 'w', 0)`);
  return { db, store: createSandboxStore(db), quotas: createQuotaStore(db) };
}

test('pages have what lives and what ended since, in order, each once; and what lives is what is used', () => {
  const { db, store, quotas } = openStore();
  fc.assert(
    fc.property(lives, fc.integer({ min: 1, max: 7 }), (all, limit) => {
      db.run('DELETE FROM sandboxes');
      const records = all.map(({ createdAt, cpus }, index) => recordOf(index, createdAt, cpus));
      for (const [index, record] of records.entries()) {
        store.insert(record);
        const { lastedMs, createdAt } = all[index] ?? { createdAt: 0 };
        if (lastedMs !== undefined)
          store.change(record, undefined, { state: 'terminated', terminatedAt: createdAt + lastedMs });
      }
      const stays = (_: SandboxRecord, index: number): boolean => {
        const { lastedMs, createdAt = 0 } = all[index] ?? {};
        return lastedMs === undefined || createdAt + lastedMs > ENDED_SINCE;
      };
      const newestFirst = (a: SandboxRecord, b: SandboxRecord): number =>
        b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
      const expected = records.filter(stays).toSorted(newestFirst);
      const listed: SandboxRecord[] = [];
      for (let page = store.list(workspaceId, ENDED_SINCE, { limit }); page.length > 0;) {
        listed.push(...page);
        const last = page.at(-1);
        page = store.list(workspaceId, ENDED_SINCE, {
          limit,
          ...(last && { after: { at: last.createdAt, id: last.id } }),
        });
      }
      expect(listed.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      const living = records.filter((_, index) => all[index]?.lastedMs === undefined);
      const micro = living.reduce((sum, { limits }) => sum + Math.round(limits.cpus * 1e6), 0);
      expect(quotas.used(workspaceId)).toMatchObject({
        sandboxes: living.length,
        cpus: micro / 1e6,
        memoryMb: living.length * 64,
        diskMb: living.length * 32,
      });
    }),
    { numRuns: 60 },
  );
});

test('file systems and their snapshots are disk that is used', () => {
  const { db, quotas } = openStore();
  const used = () => quotas.used(workspaceId).diskMb;
  db.run(
    `INSERT INTO volumes (id, workspace_id, name, labels, size_mb, status, created_at, updated_at)
     VALUES ('v', 'w', 'v', '{}', 100, 'ready', 0, 0)`,
  );
  db.run(
    `INSERT INTO volume_snapshots (id, workspace_id, volume_id, volume_name, size_mb, status, created_at)
     VALUES ('s', 'w', 'v', 'v', 100, 'ready', 0)`,
  );
  db.run(`UPDATE volumes SET size_mb = 150 WHERE id = 'v'`);
  expect(used()).toBe(250);
  db.run(`DELETE FROM volumes`);
  db.run(`DELETE FROM volume_snapshots`);
  expect(used()).toBe(0);
});
