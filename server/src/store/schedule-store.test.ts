import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { openKeyRing } from '../secret/key-ring.ts';
import { openDb } from './db.ts';
import { createScheduleStore } from './schedule-store.ts';
import type { Schedule } from './schedule-store.ts';

const schedule: Schedule = {
  id: 'sched_1',
  workspaceId: 'w',
  sandboxId: 's',
  type: 'cron',
  value: '@daily',
  input: { command: 'deploy', env: { TOKEN: 'hunter2-and-something-longer' } },
  executions: 0,
  createdAt: 1,
};

async function open() {
  const keyRing = openKeyRing(join(await tempDir(), 'keys'));
  const db = openDb(':memory:');
  onTestFinished(() => db.close());
  db.run('PRAGMA foreign_keys = OFF'); // there are no sandboxes here
  const openStore = () => createScheduleStore({ db, sealing: keyRing });
  const row = () => db.get<{ input: string; key_id: string; sealed: Uint8Array }>('SELECT * FROM schedules');
  return { keyRing, db, openStore, row };
}

test('what a schedule runs is in no row in the clear, and comes back', async () => {
  const { openStore, row } = await open();
  const store = openStore();
  store.put(schedule);
  expect(Buffer.from(row()?.sealed ?? []).includes('hunter2')).toBe(false);
  expect(row()?.input).toBe('');
  const changed = { ...schedule, input: { command: 'other' } };
  store.put(changed);
  expect(store.find('s', 'sched_1')).toEqual(changed);
});

test('what an older server kept in the clear is sealed', async () => {
  const { db, openStore, row } = await open();
  db.run(
    `INSERT INTO schedules (id, workspace_id, sandbox_id, type, value, input, created_at)
       VALUES ('sched_1', 'w', 's', 'cron', '@daily', ?, 1)`,
    JSON.stringify(schedule.input),
  );
  expect(openStore().ofWorkspace('w')).toEqual([schedule]);
  expect(row()?.input).toBe('');
});

test('a rotation of keys leaves nothing sealed with an old one', async () => {
  const { keyRing, openStore, row } = await open();
  const store = openStore();
  store.put(schedule);
  const before = row()?.key_id;
  keyRing.addKey();
  expect(store.reseal()).toBe(1);
  keyRing.dropOldKeys();
  expect(row()?.key_id).not.toBe(before);
  expect(store.find('s', 'sched_1')).toEqual(schedule);
});
