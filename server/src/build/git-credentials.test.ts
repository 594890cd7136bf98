import { expect, test } from 'vitest';
import { gitCredentials } from './git-credentials.ts';

const secrets = (of: Record<string, string>) =>
  new Map(Object.entries(of).map(([name, value]) => [name, Buffer.from(value)]));
const remote = 'https://example.com/r.git';

test('a token goes to the host of the remote alone', () => {
  expect(gitCredentials(remote, secrets({ GIT_AUTH_TOKEN: 'abc\n' }))).toEqual({
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.https://example.com/.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: basic ${Buffer.from('x-access-token:abc').toString('base64')}`,
  });
});

test('a secret of the host comes before that of all', () => {
  const given = secrets({ GIT_AUTH_TOKEN: 'all', 'GIT_AUTH_HEADER.example.com': 'bearer x' });
  expect(gitCredentials(remote, given)).toMatchObject({ GIT_CONFIG_VALUE_0: 'Authorization: bearer x' });
});

test('other hosts and other protocols get nothing', () => {
  const given = secrets({ 'GIT_AUTH_TOKEN.other.com': 'x' });
  expect(gitCredentials(remote, given)).toEqual({});
  expect(gitCredentials('git@example.com:r.git', secrets({ GIT_AUTH_TOKEN: 'x' }))).toEqual({});
});
