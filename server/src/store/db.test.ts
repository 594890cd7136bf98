import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { openDataDir } from './data-dir.ts';
import { openDb } from './db.ts';
import type { Db } from './db.ts';

test('a transaction that throws leaves nothing', () => {
  const db = openDb(':memory:');
  db.run('CREATE TABLE t (x INTEGER) STRICT');
  const fail = () =>
    db.transaction(() => {
      db.run('INSERT INTO t VALUES (1)');
      throw new Error('no');
    });
  expect(fail).toThrow('no');
  expect(db.all('SELECT * FROM t')).toEqual([]);
});

test('a transaction inside another one is part of it', () => {
  const db = openDb(':memory:');
  db.run('CREATE TABLE t (x INTEGER) STRICT');
  const fail = () =>
    db.transaction(() => {
      db.transaction(() => db.run('INSERT INTO t VALUES (1)'));
      throw new Error('no');
    });
  expect(fail).toThrow('no');
  expect(db.all('SELECT * FROM t')).toEqual([]);
});

test('a number that could not be read again is not written', () => {
  const db = openDb(':memory:');
  db.run('CREATE TABLE t (x INTEGER) STRICT');
  expect(() => db.run('INSERT INTO t VALUES (?)', 6e17)).toThrow('could not be read again');
  db.run('INSERT INTO t VALUES (?)', Number.MAX_SAFE_INTEGER);
  expect(db.all('SELECT * FROM t')).toEqual([{ x: Number.MAX_SAFE_INTEGER }]);
});

test('a transaction that finds the disk full says so, and the next one works', () => {
  const db = openDb(':memory:');
  db.run('CREATE TABLE t (x TEXT) STRICT');
  const [{ page_count: pages } = { page_count: 0 }] = db.all<{ page_count: number }>('PRAGMA page_count');
  db.all(`PRAGMA max_page_count = ${pages + 2}`);
  const fill = () =>
    db.transaction(() => {
      for (let row = 0; row < 100; row += 1) db.run('INSERT INTO t VALUES (?)', 'x'.repeat(2_000));
    });
  expect(fill).toThrow(expect.objectContaining({ code: 'host_out_of_disk' }));
  expect(db.all('SELECT * FROM t')).toEqual([]);
  db.transaction(() => db.run('INSERT INTO t VALUES (?)', 'small'));
  expect(db.all('SELECT * FROM t')).toEqual([{ x: 'small' }]);
});

test('opening a database again repeats no migration', async () => {
  const path = join(await tempDir(), 'a.db');
  openDb(path).close();
  const db = openDb(path);
  expect(db.all('SELECT name FROM sqlite_master').length).toBeGreaterThan(5);
  db.close();
});

test('a migration that was not applied yet is, whatever its number', async () => {
  const path = join(await tempDir(), 'a.db');
  const names = (db: Db): unknown[] => db.all('SELECT name FROM migration ORDER BY name');
  const first = openDb(path);
  const applied = names(first);
  first.run('DROP TABLE secrets');
  first.run('ALTER TABLE sandboxes DROP COLUMN secret_names');
  expect(first.run("DELETE FROM migration WHERE name = '0010-secret.sql'")).toBe(1);
  first.close();
  const again = openDb(path);
  expect(names(again)).toEqual(applied);
  expect(again.all('SELECT * FROM secrets')).toEqual([]);
  again.close();
});

test('a database that knows the number of its last migration alone gets those above it', async () => {
  const path = join(await tempDir(), 'a.db');
  const old = openDb(path);
  old.run('DROP TABLE migration');
  old.run('PRAGMA user_version = 9999');
  old.close();
  const db = openDb(path);
  expect(db.all('SELECT * FROM migration').length).toBeGreaterThan(5);
  db.close();
});

test('one server at a time uses a data directory', async () => {
  const dir = await tempDir();
  const first = openDataDir(dir);
  expect(() => openDataDir(dir)).toThrow('another server uses the data directory');
  first.unlock();
  const second = openDataDir(dir);
  expect(second.instanceId).toBe(first.instanceId);
  expect(second.serverKey).toEqual(first.serverKey);
  second.unlock();
});
