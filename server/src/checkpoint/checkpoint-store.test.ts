import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { createLog } from '../lib/log.ts';
import { openDb } from '../store/db.ts';
import type { Db } from '../store/db.ts';
import { openCheckpointStore } from './checkpoint-store.ts';
import type { CheckpointFacts } from './checkpoint-store.ts';

const facts: CheckpointFacts = {
  sandboxId: 's',
  workspaceId: 'w',
  incarnation: 1,
  runtime: 'gvisor',
  runtimeVersion: '1',
  cpuFeatures: [],
  agentDigest: 'agent',
  manifestDigest: 'sha256:0',
  limits: { cpus: 1, memoryMb: 256, diskMb: 1024 },
};
const holder = { kind: 'sandbox', id: 's' };
const host = { runtime: 'gvisor', runtimeVersion: '1' };

async function openStore(disturb: (db: Db) => Db = (db) => db) {
  const dataDir = await tempDir();
  const db = openDb(':memory:');
  db.run(`INSERT INTO accounts (id, name, created_at) VALUES ('a', 'a', 0)`);
  db.run(`INSERT INTO workspaces (id, account_id, name, created_at) VALUES ('w', 'a', 'w', 0)`);
  const log = createLog('silent');
  const store = await openCheckpointStore({ db: disturb(db), dataDir, serverKey: Buffer.alloc(32), log });
  const written = await store.write(facts, (dir) => writeFile(join(dir, 'pages.img'), 'memory'));
  store.commit(written, holder);
  return { store, id: written.id };
}

test('what one holder lets go of is kept by another, and deleted after the last', async () => {
  const { store, id } = await openStore();
  store.hold(id, { kind: 'copy', id: 'c' });
  store.release(holder);
  await store.sweep();
  expect((await store.open(id, host)).manifest.id).toBe(id);
  store.release({ kind: 'copy', id: 'c' });
  await store.sweep();
  expect(store.find(id)).toBeUndefined();
  await expect(store.open(id, host)).rejects.toMatchObject({ code: 'checkpoint_unusable' });
});

test('another version of the runtime and another runtime are refused, each by name', async () => {
  const { store, id } = await openStore();
  await expect(store.requireFit(id, { ...host, runtimeVersion: '2' })).rejects.toThrow('another version');
  await expect(store.open(id, { ...host, runtime: 'native' })).rejects.toThrow('made by the runtime gvisor');
});

test('a look that fails keeps no later one from deleting what nobody holds', async () => {
  let isBroken = false;
  const { store, id } = await openStore((db) => ({
    ...db,
    all: (...query) => {
      if (isBroken) throw new Error('disk I/O error');
      return db.all(...query);
    },
  }));
  store.release(holder);
  isBroken = true;
  await store.sweep();
  isBroken = false;
  await store.sweep();
  expect(store.find(id)).toBeUndefined();
});
