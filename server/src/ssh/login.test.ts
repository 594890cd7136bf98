import { expect, test } from 'vitest';
import { openDb } from '../store/db.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { createTenancy } from '../tenancy/tenancy.ts';
import { createLogins } from './login.ts';

const adminKey = 'atoll_key_admin_of_the_test';
const blob = Buffer.concat([Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64');
const publicKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5${blob} me@laptop`;

test('a login ends with the API key that its SSH key was registered with', () => {
  let now = 1_000_000_000_000;
  const tenancy = createTenancy({ db: openDb(':memory:'), clock: { now: () => now } });
  tenancy.ensureAdminKey(adminKey);
  const { authenticator, keys, sshKeys } = tenancy;
  const expiresAt = now + 60_000;
  const { value } = keys.create(authenticator.authenticate(adminKey), {
    name: 'short',
    kind: 'api',
    expiresAt,
  });
  const { fingerprint } = sshKeys.add(authenticator.authenticate(value), { name: 'laptop', publicKey });
  const logins = createLogins({
    sandboxes: { get: (_workspaceId, id) => ({ id }) as SandboxRecord }, // all that is read
    sshKeys,
    parseKey: () => new Error('no key is shown'),
  });
  const [access] = sshKeys.accessOf(fingerprint);
  if (access === undefined) throw new Error('the key opens nothing');
  const login = { fingerprint, access, sandboxId: 'one' };
  expect(logins.admit(login)).toMatchObject({ endsAt: expiresAt });
  now = expiresAt;
  expect(() => logins.admit(login)).toThrow('this SSH key does not open the sandbox any more');
});
