import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { createAuthentication } from '../http/authentication.ts';
import { openDb } from '../store/db.ts';
import { createTenancy } from './tenancy.ts';

const adminKey = 'atoll_key_admin_of_the_test';

function open() {
  let now = 1_000_000;
  const db = openDb(':memory:');
  const tenancy = createTenancy({ db, clock: { now: () => now } });
  tenancy.ensureAdminKey(adminKey);
  const as = (key: string, workspace?: string) => tenancy.authenticator.authenticate(key, workspace);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { tenancy, db, as, pass };
}

test('the first key is admin of the default workspace', () => {
  const { as } = open();
  expect(as(adminKey)).toMatchObject({
    role: 'admin',
    workspace: { name: 'default' },
    account: { operator: true },
  });
});

test('keys are not in the database in the clear', () => {
  const { tenancy, db, as } = open();
  const { value } = tenancy.keys.create(as(adminKey), { name: 'k', kind: 'api' });
  expect(JSON.stringify(db.all('SELECT * FROM api_keys'))).not.toContain(value);
});

test.each([undefined, '', 'wrong'])('the key %j is refused', (key) => {
  const { tenancy } = open();
  expect(() => tenancy.authenticator.authenticate(key)).toThrow(
    expect.objectContaining({ code: 'unauthenticated' }),
  );
});

test('a revoked key ends at once', () => {
  const { tenancy, as } = open();
  const made = tenancy.keys.create(as(adminKey), { name: 'k', kind: 'api' });
  expect(as(made.value).keyId).toBe(made.key.id);
  tenancy.keys.revoke(as(adminKey), made.key.id);
  expect(() => as(made.value)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
});

test('a key cannot make one that may do more', () => {
  const { tenancy, as } = open();
  const { value } = tenancy.keys.create(as(adminKey), { name: 'k', kind: 'api', role: 'member' });
  expect(() => tenancy.keys.create(as(value), { name: 'x', kind: 'api', role: 'admin' })).toThrow(
    expect.objectContaining({ code: 'forbidden' }),
  );
  expect(() => tenancy.keys.create(as(value), { name: 'x', kind: 'personal' })).toThrow(
    expect.objectContaining({ code: 'forbidden' }),
  );
});

test('an admin cannot become another member through an api key made for it', () => {
  const { tenancy, as } = open();
  tenancy.accounts.createWorkspace(as(adminKey), 'second');
  const victim = tenancy.members.put(as(adminKey), { name: 'Vera', role: 'admin' });
  const forVictim = { name: 'k', kind: 'api' as const, role: 'admin' as const, memberId: victim.id };
  const { value } = tenancy.keys.create(as(adminKey), forVictim);
  const { userCode } = tenancy.logins.start();
  const forbidden = expect.objectContaining({ code: 'forbidden' });
  expect(() => tenancy.keys.create(as(value), { name: 'x', kind: 'personal' })).toThrow(forbidden);
  expect(() => tenancy.logins.approve(as(value), userCode)).toThrow(forbidden);
});

test('an admin key of an owner that is bound to one workspace does not reach the others', () => {
  const { tenancy, as } = open();
  tenancy.accounts.createWorkspace(as(adminKey), 'second');
  const owner = tenancy.keys.create(as(adminKey), { name: 'pat', kind: 'personal' });
  const ci = tenancy.keys.create(as(owner.value, 'second'), { name: 'ci', kind: 'api', role: 'admin' });
  const { userCode } = tenancy.logins.start();
  const forbidden = expect.objectContaining({ code: 'forbidden' });
  expect(() => tenancy.keys.create(as(ci.value), { name: 'x', kind: 'personal' })).toThrow(forbidden);
  expect(() => tenancy.logins.approve(as(ci.value), userCode)).toThrow(forbidden);
});

test('the first key of an account makes a personal token of its owner', () => {
  const { tenancy, as } = open();
  const other = tenancy.addAccount({ name: 'other', workspace: 'theirs', ownerName: 'Olga' });
  const { value } = tenancy.keys.create(as(other.apiKey), { name: 'pat', kind: 'personal' });
  expect(as(value)).toMatchObject({ kind: 'personal', member: { name: 'Olga' } });
});

test('an api key reaches its own workspace alone, by name, id or as default', () => {
  const { tenancy, as } = open();
  tenancy.accounts.createWorkspace(as(adminKey), 'second');
  const { id } = as(adminKey).workspace;
  expect([as(adminKey, 'default'), as(adminKey, id)].map(({ workspace }) => workspace.id)).toEqual([id, id]);
  expect(() => as(adminKey, 'second')).toThrow(expect.objectContaining({ code: 'not_found' }));
});

test('a personal token follows its member into other workspaces, with the role there', () => {
  const { tenancy, as } = open();
  tenancy.accounts.createWorkspace(as(adminKey), 'second');
  const owner = tenancy.keys.create(as(adminKey), { name: 'pat', kind: 'personal' });
  const member = tenancy.members.put(as(owner.value, 'second'), { name: 'Mia', role: 'viewer' });
  const mia = tenancy.keys.add({
    name: 'pat',
    kind: 'personal',
    memberId: member.id,
    workspaceId: as(owner.value, 'second').workspace.id,
  });
  expect(as(mia.value, 'second').role).toBe('viewer');
  expect(() => as(mia.value, as(adminKey).workspace.id)).toThrow(
    expect.objectContaining({ code: 'not_found' }),
  );
});

test('a member that is taken out of a workspace loses it at once', () => {
  const { tenancy, as } = open();
  const member = tenancy.members.put(as(adminKey), { name: 'Mia', role: 'member' });
  const { value } = tenancy.keys.create(as(adminKey), {
    name: 'k',
    kind: 'api',
    role: 'member',
    memberId: member.id,
  });
  expect(as(value).role).toBe('member');
  tenancy.members.put(as(adminKey), { memberId: member.id, role: 'viewer' });
  expect(as(value).role).toBe('viewer');
  tenancy.members.remove(as(adminKey), member.id);
  expect(() => as(value)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
});

test('a personal token outlives the membership in its default workspace and acts in the others', () => {
  const { tenancy, as } = open();
  const authenticate = createAuthentication(tenancy.authenticator);
  const owner = tenancy.keys.create(as(adminKey), { name: 'pat', kind: 'personal' });
  const second = tenancy.accounts.createWorkspace(as(adminKey), 'second');
  const { id: memberId } = tenancy.members.put(as(adminKey), { name: 'Mia', role: 'member' });
  tenancy.members.put(as(owner.value, 'second'), { memberId, role: 'viewer' });
  const workspaceId = as(adminKey).workspace.id;
  const { value } = tenancy.keys.add({ name: 'pat', kind: 'personal', memberId, workspaceId });
  tenancy.members.remove(as(adminKey), memberId);
  const request = (headers: Record<string, string>) =>
    ({ headers: { authorization: `Bearer ${value}`, ...headers } }) as unknown as IncomingMessage; // all it reads
  expect(authenticate(request({ 'x-forwarded-project-id': second.id })).role).toBe('viewer');
  expect(authenticate(request({}), 'second').role).toBe('viewer');
  expect(() => authenticate(request({}))).toThrow('lost its role');
  // It still opens something, so it is nobody else's to read.
  expect(tenancy.authenticator.isKey(value)).toBe(true);
  expect(tenancy.authenticator.isKey('of somebody else')).toBe(false);
});

test('the project header changes nothing for an api key, whatever its value', () => {
  const { tenancy, as } = open();
  const { memberId, workspaceId } = {
    memberId: as(adminKey).member.id,
    workspaceId: as(adminKey).workspace.id,
  };
  const value = 'atoll_pat_chosen_by_the_operator';
  tenancy.keys.add({ name: 'k', kind: 'api', role: 'admin', memberId, workspaceId, value });
  for (const key of [adminKey, value])
    expect(tenancy.authenticator.authenticate(key, undefined, 'elsewhere').workspace.id).toBe(workspaceId);
});

test('another account sees nothing of the first one', () => {
  const { tenancy, as } = open();
  const other = tenancy.addAccount({ name: 'other', workspace: 'theirs', ownerName: 'Olga' });
  const olga = as(other.apiKey);
  expect(olga).toMatchObject({ role: 'admin', workspace: { name: 'theirs' }, account: { operator: false } });
  expect(tenancy.accounts.list(olga).map(({ name }) => name)).toEqual(['other']);
  expect(tenancy.accounts.listWorkspaces(olga).map(({ name }) => name)).toEqual(['theirs']);
  expect(tenancy.keys.list(olga)).toHaveLength(1);
  const [adminMember] = tenancy.members.list(as(adminKey));
  expect(() => tenancy.members.put(olga, { memberId: adminMember?.id ?? '', role: 'viewer' })).toThrow(
    expect.objectContaining({ code: 'not_found' }),
  );
  expect(() => tenancy.keys.revoke(olga, as(adminKey).keyId)).toThrow(
    expect.objectContaining({ code: 'not_found' }),
  );
});

test.each(['tensorlake', 'blaxel', 'public', 'default'])('the workspace name %s cannot be taken', (name) => {
  const { tenancy, as } = open();
  expect(() => tenancy.accounts.createWorkspace(as(adminKey), name)).toThrow(
    expect.objectContaining({ code: 'conflict' }),
  );
});

test('a device login ends in a token, once', () => {
  const { tenancy, as } = open();
  const { deviceCode, userCode } = tenancy.logins.start();
  expect(tenancy.logins.poll(deviceCode)).toBe('pending');
  expect(() => tenancy.logins.exchange(deviceCode)).toThrow(expect.objectContaining({ code: 'conflict' }));
  tenancy.logins.approve(as(adminKey), userCode.toLowerCase());
  expect(tenancy.logins.poll(deviceCode)).toBe('approved');
  const { token } = tenancy.logins.exchange(deviceCode);
  expect(as(token)).toMatchObject({ kind: 'personal', member: { name: 'admin' } });
  expect(() => tenancy.logins.exchange(deviceCode)).toThrow(expect.objectContaining({ code: 'not_found' }));
});

test('a login that nobody approves expires', () => {
  const { tenancy, as, pass } = open();
  const { deviceCode, userCode } = tenancy.logins.start();
  pass(11 * 60_000);
  expect(tenancy.logins.poll(deviceCode)).toBe('expired');
  expect(() => tenancy.logins.approve(as(adminKey), userCode)).toThrow(
    expect.objectContaining({ code: 'not_found' }),
  );
});

test('logins that nobody approves make room for new ones, first of all those of the same address', () => {
  const { tenancy, as, db } = open();
  const other = tenancy.logins.start('10.0.0.2');
  const approved = tenancy.logins.start('10.0.0.1');
  tenancy.logins.approve(as(adminKey), approved.userCode);
  const oldest = tenancy.logins.start('10.0.0.1');
  const last = Array.from({ length: 60 }, () => tenancy.logins.start('10.0.0.1')).at(-1);
  const polled = [other, approved, oldest, last].map((login) => tenancy.logins.poll(login?.deviceCode ?? ''));
  expect(polled).toEqual(['pending', 'approved', 'failed', 'pending']);
  expect(db.get('SELECT count(*) AS count FROM logins')).toEqual({ count: 52 });
});

test('logins from any number of addresses are bounded, and a new one is always let in', () => {
  const { tenancy, db } = open();
  const addresses = Array.from({ length: 1010 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const last = addresses.map((address) => tenancy.logins.start(address)).at(-1);
  expect(tenancy.logins.poll(last?.deviceCode ?? '')).toBe('pending');
  expect(db.get('SELECT count(*) AS count FROM logins')).toEqual({ count: 1000 });
});

test('the audit record is the workspace’s own, newest first, in pages', () => {
  const { tenancy, as } = open();
  const other = tenancy.addAccount({ name: 'other', workspace: 'theirs', ownerName: 'Olga' });
  for (const action of ['one', 'two', 'three'])
    tenancy.audit.record({ action, result: 'ok', caller: as(adminKey) });
  tenancy.audit.record({ action: 'foreign', result: 'ok', caller: as(other.apiKey) });
  const page = tenancy.audit.list(as(adminKey), { limit: 2 }).entries;
  expect(page.map(({ action }) => action)).toEqual(['three', 'two']);
  const rest = tenancy.audit.list(as(adminKey), { limit: 2, before: page.at(-1)?.id });
  expect(rest.entries.map(({ action }) => action)).toEqual(['one']);
  expect(rest.nextCursor).toBeUndefined();
});
