import { expect, test } from 'vitest';
import { openDb } from '../store/db.ts';
import { createTenancy } from './tenancy.ts';

const HOUR_MS = 3_600_000;
const adminKey = 'atoll_key_admin_of_the_test';
const from = '10.0.0.7';

function open() {
  let now = 1_000_000_000_000;
  const db = openDb(':memory:');
  const tenancy = createTenancy({ db, clock: { now: () => now } });
  tenancy.ensureAdminKey(adminKey);
  const as = (key: string) => tenancy.authenticator.authenticate(key);
  const admin = as(adminKey);
  const signIn = ({ clientId, clientSecret }: { clientId: string; clientSecret: string }, address = from) =>
    tenancy.oauth.token({ kind: 'client', clientId, clientSecret }, address).accessToken;
  const pass = (ms: number): void => {
    now += ms;
  };
  return { tenancy, db, as, admin, signIn, pass };
}

const failing = (code: string) => expect.objectContaining({ code });
const claimsOf = (token: string): { iat: number; exp: number } =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { iat: number; exp: number };

test('a service account signs in with the role that it was made with, for two hours', () => {
  const { tenancy, as, admin, signIn, pass } = open();
  const account = tenancy.serviceAccounts.create(admin, { name: 'ci', role: 'viewer' });
  const token = signIn(account);
  const { iat, exp } = claimsOf(token);
  expect(exp - iat).toBe(7200);
  expect(as(token)).toMatchObject({ role: 'viewer', kind: 'api', workspace: { name: 'default' } });
  pass(2 * HOUR_MS + 1000);
  expect(() => as(token)).toThrow(failing('unauthenticated'));
});

test('secrets and tokens are not in the database in the clear, and tokens not in lists', () => {
  const { tenancy, db, admin, signIn } = open();
  const account = tenancy.serviceAccounts.create(admin, { name: 'ci' });
  const token = signIn(account);
  const all = JSON.stringify([db.all('SELECT * FROM api_keys'), db.all('SELECT * FROM service_accounts')]);
  expect(all).not.toContain(account.clientSecret);
  expect(all).not.toContain(token.split('.')[2]);
  expect(tenancy.keys.list(admin)).toHaveLength(1);
  expect(JSON.stringify(tenancy.serviceAccounts.list(admin))).not.toContain(account.clientSecret);
});

test('the end of a service account is the end of its tokens and keys', () => {
  const { tenancy, as, admin, signIn } = open();
  const account = tenancy.serviceAccounts.create(admin, { name: 'ci' });
  const token = signIn(account);
  const { value, key } = tenancy.serviceAccounts.createKey(admin, account.clientId, { name: 'k' });
  expect([as(token).role, as(value).role]).toEqual(['member', 'member']);
  expect(tenancy.serviceAccounts.listKeys(admin, account.clientId)).toMatchObject([{ id: key.id }]);
  tenancy.serviceAccounts.remove(admin, account.clientId);
  for (const ended of [token, value]) expect(() => as(ended)).toThrow(failing('unauthenticated'));
  expect(() => signIn(account)).toThrow(failing('unauthenticated'));
  tenancy.serviceAccounts.create(admin, { name: 'ci' });
});

test('a key ends when it was said to, though it is known, and makes none that lasts longer', () => {
  const { tenancy, as, admin, pass } = open();
  const expiresAt = 1_000_000_000_000 + HOUR_MS;
  const { value } = tenancy.keys.create(admin, { name: 'short', kind: 'api', expiresAt });
  const caller = as(value);
  const make = (end: number | undefined) => () =>
    tenancy.keys.create(caller, { name: 'more', kind: 'api', expiresAt: end });
  expect(make(undefined)).toThrow(failing('forbidden'));
  expect(make(expiresAt + 1)).toThrow(failing('forbidden'));
  make(expiresAt)();
  pass(HOUR_MS);
  expect(() => as(value)).toThrow(failing('unauthenticated'));
  expect(tenancy.keys.list(admin).map(({ name }) => name)).not.toContain('short');
  expect(tenancy.keys.standing(value)).toBe('revoked');
});

test('a device gets a token of who approves it, and new ones until its login is revoked', () => {
  const { tenancy, as, admin } = open();
  const { deviceCode, userCode } = tenancy.logins.start(from);
  const ask = () => tenancy.oauth.token({ kind: 'device', deviceCode }, from);
  expect(ask).toThrow(failing('conflict'));
  tenancy.logins.approve(admin, userCode);
  const { accessToken, refreshToken = '' } = ask();
  expect(as(accessToken)).toMatchObject({ kind: 'personal', member: { id: admin.member.id } });
  expect(ask).toThrow(failing('invalid_state'));
  const refresh = () => tenancy.oauth.token({ kind: 'refresh', refreshToken }, from).accessToken;
  const again = refresh();
  const login = tenancy.keys.list(admin).find(({ name }) => name === 'device login');
  tenancy.keys.revoke(admin, login?.id ?? '');
  for (const ended of [accessToken, again, refreshToken])
    expect(() => as(ended)).toThrow(failing('unauthenticated'));
  expect(refresh).toThrow(failing('invalid_state'));
});

test('a login that is used lasts, one that is not ends', () => {
  const { tenancy, admin, pass } = open();
  const { deviceCode, userCode } = tenancy.logins.start(from);
  tenancy.logins.approve(admin, userCode);
  const { refreshToken = '' } = tenancy.oauth.token({ kind: 'device', deviceCode }, from);
  const refresh = () => tenancy.oauth.token({ kind: 'refresh', refreshToken }, from);
  for (let month = 0; month < 5; month++) {
    pass(30 * 24 * HOUR_MS);
    refresh();
  }
  pass(91 * 24 * HOUR_MS);
  expect(refresh).toThrow(failing('invalid_state'));
});

test('only what was made as a refresh token is one', () => {
  const { tenancy, admin, signIn } = open();
  const account = tenancy.serviceAccounts.create(admin, { name: 'ci' });
  const personal = (name: string, expiresAt?: number) =>
    tenancy.keys.create(admin, { name, kind: 'personal', expiresAt }).value;
  const values = [personal('forever'), personal('device login', 1_000_000_000_000 + HOUR_MS)];
  for (const refreshToken of [signIn(account), adminKey, ...values])
    expect(() => tenancy.oauth.token({ kind: 'refresh', refreshToken }, from)).toThrow(
      failing('invalid_state'),
    );
});

test('who guesses is not listened to for a minute, and nobody else is kept out', () => {
  const { tenancy, admin, signIn, pass } = open();
  const account = tenancy.serviceAccounts.create(admin, { name: 'ci' });
  const guess = () => signIn({ ...account, clientSecret: 'atoll_secret_guess' });
  for (let attempt = 0; attempt < 10; attempt++) expect(guess).toThrow(failing('unauthenticated'));
  expect(() => signIn(account)).toThrow(failing('too_many_attempts'));
  signIn(account, '10.0.0.8');
  pass(61_000);
  signIn(account);
});

test('what has expired makes room', () => {
  const { tenancy, db, admin, signIn, pass } = open();
  const account = tenancy.serviceAccounts.create(admin, { name: 'ci' });
  const count = () =>
    db.get<{ n: number }>('SELECT count(*) AS n FROM api_keys WHERE token_of IS NOT NULL')?.n;
  for (let day = 0; day < 4; day++) {
    signIn(account);
    pass(24 * HOUR_MS);
  }
  expect(count()).toBe(2);
});

test('only admins have to do with service accounts, those of their own workspace', () => {
  const { tenancy, as, admin } = open();
  const account = tenancy.serviceAccounts.create(admin, { name: 'ci' });
  const member = as(tenancy.keys.create(admin, { name: 'm', kind: 'api', role: 'member' }).value);
  const { serviceAccounts: accounts } = tenancy;
  expect(() => accounts.list(member)).toThrow(failing('forbidden'));
  expect(() => accounts.create(member, { name: 'x' })).toThrow(failing('forbidden'));
  expect(() => accounts.createKey(member, account.clientId, { name: 'x' })).toThrow(failing('forbidden'));
  const other = as(tenancy.addAccount({ name: 'other', workspace: 'other', ownerName: 'o' }).apiKey);
  for (const reach of [accounts.remove, accounts.listKeys])
    expect(() => reach(other, account.clientId)).toThrow(failing('not_found'));
  expect(() => accounts.create(admin, { name: 'ci' })).toThrow(failing('conflict'));
});
