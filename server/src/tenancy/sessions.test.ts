import { expect, test } from 'vitest';
import { openDb } from '../store/db.ts';
import { createTenancy } from './tenancy.ts';

const adminKey = 'atoll_key_admin_of_the_test';

test('of very many sessions of one key the oldest end, and what follows them', () => {
  let now = 1_000_000_000_000;
  const tenancy = createTenancy({ db: openDb(':memory:'), clock: { now: () => (now += 1) } });
  tenancy.ensureAdminKey(adminKey);
  const { authenticator, access } = tenancy;
  const { keyId } = authenticator.authenticate(adminKey);
  const [first, second] = [tenancy.sessions.open(keyId), tenancy.sessions.open(keyId)];
  const cut: string[] = [];
  access.enter(
    () => authenticator.authenticateSession(first.value),
    () => cut.push('first'),
  );
  for (let more = 0; more < 99; more += 1) tenancy.sessions.open(keyId);
  expect(() => authenticator.authenticateSession(first.value)).toThrow('this session has ended');
  expect(cut).toEqual(['first']);
  expect(authenticator.authenticateSession(second.value)).toMatchObject({ keyId });
});
