import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ensureAdminKey } from './admin-key.ts';
import { ConfigError } from './config.ts';
import { openDb } from './store/db.ts';
import type { Db } from './store/db.ts';
import { createTenancy } from './tenancy/tenancy.ts';

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function open() {
  const folder = mkdtempSync(join(tmpdir(), 'atoll-admin-key-'));
  folders.push(folder);
  const adminKeyPath = join(folder, 'admin-key');
  const db = openDb(':memory:');
  const start = (apiKey?: string, host = '127.0.0.1') => {
    const tenancy = createTenancy({ db, clock: { now: () => 1 } });
    const config = { host, ...(apiKey !== undefined && { apiKey }) };
    ensureAdminKey({ config, dataDir: { adminKeyPath }, tenancy });
    return tenancy;
  };
  return { db, start, fileKey: () => readFileSync(adminKeyPath, 'utf8').trim() };
}

const revokeAll = (db: Db) => db.run('UPDATE api_keys SET revoked_at = 1');

test('the file holds the key that the first start made, and keeps it', () => {
  const { start, fileKey } = open();
  const tenancy = start();
  const key = fileKey();
  expect(tenancy.authenticator.authenticate(key).role).toBe('admin');
  start();
  expect(fileKey()).toBe(key);
});

test('a start without any operator key in force makes a new one', () => {
  const { db, start, fileKey } = open();
  start();
  const ended = fileKey();
  revokeAll(db);
  const tenancy = start();
  expect(fileKey()).not.toBe(ended);
  expect(tenancy.authenticator.authenticate(fileKey())).toMatchObject({ role: 'admin', isBootstrap: true });
});

test('a chosen key that was revoked, or is of somebody else, is refused', () => {
  const { db, start } = open();
  const tenancy = start();
  const other = tenancy.addAccount({ name: 'other', workspace: 'theirs', ownerName: 'Olga' });
  expect(() => start(other.apiKey)).toThrow(ConfigError);
  start('chosen-by-the-operator');
  revokeAll(db);
  expect(() => start('chosen-by-the-operator')).toThrow('ATOLL_API_KEY was revoked');
});

test('a server that others can reach does not start without a chosen key', () => {
  expect(() => open().start(undefined, '0.0.0.0')).toThrow('set ATOLL_API_KEY');
});

test('the last key of the operator cannot be revoked, an earlier one can', () => {
  const { start, fileKey } = open();
  const tenancy = start();
  const first = tenancy.authenticator.authenticate(fileKey());
  expect(() => tenancy.keys.revoke(first, first.keyId)).toThrow('the last admin key');
  expect(tenancy.authenticator.authenticate(fileKey()).role).toBe('admin');
  tenancy.keys.create(first, { name: 'next', kind: 'api' });
  tenancy.keys.revoke(first, first.keyId);
  expect(() => tenancy.authenticator.authenticate(fileKey())).toThrow('has ended');
});
