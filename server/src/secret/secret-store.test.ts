import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log.ts';
import { openDb } from '../store/db.ts';
import { createTenancy } from '../tenancy/tenancy.ts';
import { openKeyRing } from './key-ring.ts';
import { createSecretStore } from './secret-store.ts';

const VALUE = 'hunter2-and-something-longer';

async function openStore(dir?: string, maxPerWorkspace = 10) {
  const folder = dir ?? (await tempDir());
  const file = join(folder, 'secret-keys');
  const db = openDb(join(folder, 'test.db'));
  const log = createLog('silent');
  const tenancy = createTenancy({ db, clock: systemClock });
  if (dir === undefined) tenancy.ensureAdminKey('atoll_key_of_the_test');
  const workspaceId = tenancy.authenticator.authenticate('atoll_key_of_the_test').workspace.id;
  const keyRing = openKeyRing(file);
  const secrets = createSecretStore({ db, keyRing, clock: systemClock, log, maxPerWorkspace });
  const valueOf = (name: string) => secrets.environment(workspaceId, [name]).env[name];
  return { secrets, workspaceId, folder, file, db, keyRing, valueOf };
}

test('a value opens again, and is on no disk in the clear', async () => {
  const { secrets, workspaceId, folder, db, valueOf } = await openStore();
  const [info] = secrets.set(workspaceId, [{ name: 'TOKEN', value: VALUE }]);
  expect(info).toMatchObject({ id: expect.stringMatching(/^secret_[a-z0-9]{21}$/), name: 'TOKEN' });
  expect(valueOf('TOKEN')).toBe(VALUE);
  expect(JSON.stringify(secrets.list(workspaceId))).not.toContain(VALUE);
  expect(db.flush()).toBe(true);
  for (const file of ['test.db', 'test.db-wal', 'secret-keys'])
    expect(readFileSync(join(folder, file)).includes(VALUE)).toBe(false);
  expect(statSync(join(folder, 'secret-keys')).mode & 0o777).toBe(0o600);
});

test('setting a name again keeps its id and replaces its value', async () => {
  const { secrets, workspaceId, valueOf } = await openStore();
  const [first] = secrets.set(workspaceId, [{ name: 'TOKEN', value: 'old' }]);
  const [second] = secrets.set(workspaceId, [{ name: 'TOKEN', value: 'new' }]);
  expect(second?.id).toBe(first?.id);
  expect(valueOf('TOKEN')).toBe('new');
});

test('a value that was moved to another name or workspace does not open', async () => {
  const { secrets, workspaceId, db } = await openStore();
  secrets.set(workspaceId, [{ name: 'TOKEN', value: VALUE }]);
  db.run(`UPDATE secrets SET name = 'OTHER'`);
  expect(() => secrets.environment(workspaceId, ['OTHER'])).toThrow(/authenticate/);
});

test('a rotation seals everything anew and forgets the old key', async () => {
  const { secrets, workspaceId, file, folder, db, valueOf } = await openStore();
  secrets.set(workspaceId, [
    { name: 'A', value: 'one' },
    { name: 'B', value: 'two' },
  ]);
  const before = await readFile(file, 'utf8');
  const { keyId, resealed } = secrets.rotateKey();
  expect(resealed).toBe(2);
  const after = await readFile(file, 'utf8');
  expect(after).toMatch(new RegExp(`^${keyId} [0-9a-f]{64}\n$`));
  expect(after).not.toContain(before.trim());
  expect([valueOf('A'), valueOf('B')]).toEqual(['one', 'two']);
  db.close();
  const again = await openStore(folder);
  expect(again.valueOf('A')).toBe('one');
});

test('a rotation that was cut after its new key is carried to its end at the next start', async () => {
  const { secrets, workspaceId, folder, db, keyRing } = await openStore();
  secrets.set(workspaceId, [{ name: 'A', value: 'one' }]);
  keyRing.addKey();
  secrets.set(workspaceId, [{ name: 'B', value: 'two' }]);
  db.close();
  const again = await openStore(folder);
  expect([again.valueOf('A'), again.valueOf('B')]).toEqual(['one', 'two']);
  again.secrets.finishRotation();
  expect(again.keyRing.isRotating()).toBe(false);
  expect([again.valueOf('A'), again.valueOf('B')]).toEqual(['one', 'two']);
});

test('while another process reads the database, the old key stays', async () => {
  const { secrets, workspaceId, folder, db, keyRing, valueOf } = await openStore();
  secrets.set(workspaceId, [{ name: 'A', value: 'one' }]);
  db.run('PRAGMA busy_timeout = 10');
  const reader = openDb(join(folder, 'test.db'));
  reader.run('BEGIN');
  reader.all('SELECT * FROM secrets');
  secrets.rotateKey();
  expect(keyRing.isRotating()).toBe(true);
  reader.close();
  secrets.finishRotation();
  expect(keyRing.isRotating()).toBe(false);
  expect(valueOf('A')).toBe('one');
});

test.each(['', '1A', 'A-B', 'A=B', 'A B', 'ä', 'A\n', 'x'.repeat(129)])('%j is no name', async (name) => {
  const { secrets, workspaceId } = await openStore();
  expect(() => secrets.set(workspaceId, [{ name, value: VALUE }])).toThrow(
    expect.objectContaining({ code: 'invalid_name', message: expect.not.stringContaining(VALUE) }),
  );
});

test.each([
  ['a NUL character', `${VALUE}\0`, 'invalid_request'],
  ['more than 32 KiB', VALUE.repeat(2000), 'limit_exceeded'],
])('a value with %s is refused without being shown', async (_what, value, code) => {
  const { secrets, workspaceId } = await openStore();
  expect(() => secrets.set(workspaceId, [{ name: 'A', value }])).toThrow(
    expect.objectContaining({ code, message: expect.not.stringContaining(VALUE) }),
  );
});

test('a set above the quota changes nothing', async () => {
  const { secrets, workspaceId } = await openStore(undefined, 2);
  secrets.set(workspaceId, [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ]);
  const tooMany = () =>
    secrets.set(workspaceId, [
      { name: 'A', value: '3' },
      { name: 'C', value: '4' },
    ]);
  expect(tooMany).toThrow(expect.objectContaining({ code: 'quota_exceeded' }));
  expect(secrets.environment(workspaceId, ['A', 'C'])).toEqual({ env: { A: '1' }, missing: ['C'] });
});

test('names without a secret are named, and one of another workspace is none', async () => {
  const { secrets, workspaceId } = await openStore();
  secrets.set(workspaceId, [{ name: 'A', value: '1' }]);
  expect(() => secrets.requireAll(workspaceId, ['A', 'B', 'C'])).toThrow(
    expect.objectContaining({ code: 'secret_not_found', message: expect.stringContaining('"B", "C"') }),
  );
  expect(() => secrets.requireAll('another', ['A'])).toThrow(/"A"/);
});

test('a key file that is broken is refused without being shown', async () => {
  const file = join(await tempDir(), 'secret-keys');
  writeFileSync(file, `abcdefgh ${'z'.repeat(64)}\n`);
  chmodSync(file, 0o600);
  expect(() => openKeyRing(file)).toThrow(/line 1 of .* is no key$/);
});
