import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { openDb } from '../store/db.ts';
import { createAudit } from './audit.ts';
import type { Caller } from './caller.ts';

const DAY_MS = 24 * 3_600_000;
const caller = { workspace: { id: 'project_1' } };

function openAudit() {
  const db = openDb(':memory:');
  onTestFinished(() => db.close());
  let now = 100 * DAY_MS;
  const audit = createAudit({ db, clock: { now: () => now } });
  const actions = () => db.all<{ action: string }>('SELECT action FROM audit').map(({ action }) => action);
  return { db, audit, actions, passTime: (ms: number) => void (now += ms) };
}

test('entries that find the disk full are written once there is room', async () => {
  const { db, audit, actions } = openAudit();
  const [pages] = db.all<{ page_count: number }>('PRAGMA page_count');
  db.all(`PRAGMA max_page_count = ${pages?.page_count}`);
  const names = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(500)}`);
  for (const action of names) audit.record({ action, result: 'ok', caller });
  await sleep(300);
  expect(actions()).toEqual([]);
  db.all('PRAGMA max_page_count = 10000');
  await expect.poll(actions, { timeout: 3_000 }).toEqual(names);
});

test('entries go after 90 days', () => {
  const { audit, actions, passTime } = openAudit();
  audit.record({ action: 'old', result: 'ok', caller });
  audit.flush();
  passTime(91 * DAY_MS);
  audit.record({ action: 'new', result: 'ok', caller });
  audit.flush();
  expect(actions()).toEqual(['new']);
});

test('a text is looked for in the whole record, a part of it at a time', () => {
  const { db, audit } = openAudit();
  db.run("INSERT INTO accounts (id, name, created_at) VALUES ('a', 'a', 0)");
  db.run("INSERT INTO workspaces (id, account_id, name, created_at) VALUES ('project_1', 'a', 'w', 0)");
  audit.record({ action: 'createKey', target: 'Needle', result: 'ok', caller });
  db.transaction(() => {
    audit.flush();
    for (let index = 0; index < 45_000; index += 1)
      db.run("INSERT INTO audit (at, action, result, workspace_id) VALUES (0, 'x', 'ok', 'project_1')");
  });
  const as = { workspace: { id: 'project_1' } } as Caller; // all that it reads of one
  const pages = [audit.list(as, { limit: 10, text: 'NEEDLE' })];
  for (let next = pages[0]?.nextCursor; next !== undefined; next = pages.at(-1)?.nextCursor)
    pages.push(audit.list(as, { limit: 10, text: 'NEEDLE', before: next }));
  expect(pages.map(({ entries }) => entries.map(({ target }) => target))).toEqual([[], [], ['Needle']]);
  expect(audit.list(as, { limit: 10 }).entries).toHaveLength(10);
});

test('what nobody has authenticated for leaves no entry', () => {
  const { audit, actions } = openAudit();
  audit.record({ action: 'createSandbox', result: 'unauthenticated', address: '10.0.0.1' });
  audit.flush();
  expect(actions()).toEqual([]);
});
