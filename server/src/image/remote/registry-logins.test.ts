import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../../../test/fixtures/image-store.ts';
import { imageOf } from '../../../../test/fixtures/registry-client.ts';
import { standInRegistry } from '../../../../test/fixtures/stand-in-registry.ts';
import { tempDir } from '../../../../test/fixtures/temp-dir.ts';
import { systemClock } from '../../lib/clock.ts';
import { openDb } from '../../store/db.ts';
import { createTenancy } from '../../tenancy/tenancy.ts';
import { openKeyRing } from '../../secret/key-ring.ts';
import { createRegistryLogins } from './registry-logins.ts';
import { parseRegistryScope } from './remote-reference.ts';

async function openLogins(maxPerWorkspace = 10) {
  const folder = await tempDir();
  const db = openDb(join(folder, 'db.sqlite'));
  onTestFinished(() => db.close());
  const tenancy = createTenancy({ db, clock: systemClock });
  tenancy.ensureAdminKey('atoll_key_of_the_test');
  const { workspace } = tenancy.authenticator.authenticate('atoll_key_of_the_test');
  const keyRing = openKeyRing(join(folder, 'keys'));
  const logins = createRegistryLogins({ db, sealing: keyRing, clock: systemClock, maxPerWorkspace });
  const set = (registry: string, username = 'me', password = 'word') =>
    logins.put(workspace.id, { registry, username, password });
  const find = (registry: string, repository: string, workspaceId = workspace.id) =>
    logins.find(workspaceId, { registry, repository, version: 'latest' });
  return { logins, keyRing, workspaceId: workspace.id, set, find };
}

test('the login for the smallest part that holds an image counts', async () => {
  const { set, find } = await openLogins();
  set('ghcr.io', 'all');
  set('ghcr.io/org', 'org');
  set('ghcr.io/org/app', 'app');
  expect(find('ghcr.io', 'org/app')).toMatchObject({ username: 'app' });
  expect(find('ghcr.io', 'org/app-two')).toMatchObject({ username: 'org' });
  expect(find('ghcr.io', 'organization/app')).toMatchObject({ username: 'all' });
  expect(find('ghcr.io.example', 'org/app')).toBeUndefined();
});

test('a login counts for its workspace alone', async () => {
  const { set, find } = await openLogins();
  set('ghcr.io');
  expect(find('ghcr.io', 'org/app', 'another')).toBeUndefined();
});

test('a token is passed on as one', async () => {
  const { set, find } = await openLogins();
  set('ghcr.io', '<token>', 'abc');
  expect(find('ghcr.io', 'org/app')).toEqual({ kind: 'identity-token', token: 'abc' });
});

test('a login that is set again is replaced, also where there is room for no other', async () => {
  const { logins, set, find, workspaceId } = await openLogins(1);
  set('ghcr.io', 'me', 'old');
  set('ghcr.io', 'you', 'new');
  expect(logins.list(workspaceId)).toMatchObject([{ registry: 'ghcr.io', username: 'you' }]);
  expect(find('ghcr.io', 'a')).toEqual({ kind: 'password', username: 'you', password: 'new' });
  expect(() => set('docker.io')).toThrow(expect.objectContaining({ code: 'quota_exceeded' }));
});

test('a new key seals the passwords again', async () => {
  const { logins, keyRing, set, find } = await openLogins();
  set('ghcr.io', 'me', 'kept');
  keyRing.addKey();
  expect(logins.reseal()).toBe(1);
  keyRing.dropOldKeys();
  expect(find('ghcr.io', 'a')).toMatchObject({ password: 'kept' });
});

test('a login that is not there cannot be removed', async () => {
  const { logins, workspaceId } = await openLogins();
  expect(() => logins.remove(workspaceId, 'ghcr.io')).toThrow(expect.objectContaining({ code: 'not_found' }));
});

test('a registry with a token service is asked there, for no repository', async () => {
  const { logins, workspaceId, find } = await openLogins();
  const { host, requests } = await standInRegistry(imageOf([]), ({ url, headers }, response) => {
    if (url?.startsWith('/token')) {
      response.end(JSON.stringify({ token: 'bought' }));
      return true;
    }
    if (headers.authorization === 'Bearer bought') return false;
    const challenge = `Bearer realm="http://${headers.host}/token",service="stand-in"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  });
  const store = await openStore(join(await tempDir(), 'data'), { canUnpack: false, registryLogins: logins });
  const login = { registry: host, username: 'me', password: 'word' };
  await store.logIn(workspaceId, login, AbortSignal.timeout(10_000));
  expect(requests).toEqual(['GET /v2/', 'GET /token?service=stand-in&account=me', 'GET /v2/']);
  expect(find(host, 'app')).toMatchObject({ username: 'me' });
});

test.each([
  ['ghcr.io', 'ghcr.io'],
  ['GHCR.IO/org/', 'ghcr.io/org'],
  ['https://index.docker.io/v1/', 'docker.io'],
  ['localhost:5000/a/b', 'localhost:5000/a/b'],
])('%s names the registry %s', (given, registry) => {
  expect(parseRegistryScope(given)).toBe(registry);
});

test.each([
  '',
  'org/app',
  'ghcr.io/org:latest',
  'ghcr.io/UPPER',
  'ghcr.io//x',
  'user@ghcr.io',
  '-a.b',
  'a.b/../c',
])('%j is no registry', (given) => {
  expect(() => parseRegistryScope(given)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
});
