import { expect, test } from 'vitest';
import { findCredentials } from './registry-credentials.ts';
import { parseRemoteReference, showReference } from './remote-reference.ts';
import { parseChallenge } from './auth-challenge.ts';
import { createPlainHosts } from './plain-hosts.ts';

const digest = `sha256:${'a'.repeat(64)}`;

test.each([
  ['python', 'docker.io/library/python:latest'],
  ['python:3.13', 'docker.io/library/python:3.13'],
  ['org/app', 'docker.io/org/app:latest'],
  ['index.docker.io/org/app', 'docker.io/org/app:latest'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/a/b/c:1', 'localhost:5000/a/b/c:1'],
  ['GHCR.io/org/app', 'ghcr.io/org/app:latest'],
  [`ghcr.io/org/app@${digest}`, `ghcr.io/org/app@${digest}`],
  [`ghcr.io/org/app:1@${digest}`, `ghcr.io/org/app@${digest}`],
])('%s is %s', (reference, shown) => {
  expect(showReference(parseRemoteReference(reference))).toBe(shown);
});

test.each([
  '',
  'UPPER',
  'a:b:c',
  'ghcr.io/',
  'ghcr.io/../x',
  'a@sha256:1',
  'http://x/y',
  'x y',
  'evil@host.io/a',
])('%j is no reference', (reference) => {
  expect(() => parseRemoteReference(reference)).toThrow('not an image reference');
});

test('credentials are found under every spelling of a registry, the most specific first', () => {
  const find = (auths: Record<string, object>, reference: string) => {
    const found = findCredentials({ auths }, parseRemoteReference(reference));
    return found?.kind === 'password' ? found.username : found;
  };
  const as = (username: string) => ({ username, password: 'x' });
  expect(find({ 'https://index.docker.io/v1/': as('hub') }, 'python')).toBe('hub');
  expect(find({ 'https://ghcr.io': as('a'), 'ghcr.io/org': as('b') }, 'ghcr.io/org/app')).toBe('b');
  expect(find({ 'ghcr.io/org': as('b') }, 'ghcr.io/organ/app')).toBeUndefined();
  expect(find({ 'other.io': as('a') }, 'ghcr.io/org/app')).toBeUndefined();
  expect(find({ 'ghcr.io': {} }, 'ghcr.io/org/app')).toBeUndefined();
  expect(find({ 'ghcr.io': { username: '<token>', password: 't' } }, 'ghcr.io/a/b')).toEqual({
    kind: 'identity-token',
    token: 't',
  });
});

test('challenges are read, bearer before basic', () => {
  expect(parseChallenge('Basic realm="x"')).toEqual({ scheme: 'basic' });
  expect(parseChallenge('Basic realm="x", Bearer realm="https://a/t?x=1,2",service=s')).toEqual({
    scheme: 'bearer',
    parameters: { realm: 'https://a/t?x=1,2', service: 's' },
  });
  expect(parseChallenge('Negotiate')).toBeUndefined();
});

test('only this machine and what is named may go without encryption', () => {
  const mayBePlain = createPlainHosts(['Registry.internal:5000']);
  expect(
    ['localhost', 'localhost:5000', '127.0.0.1:1', '[::1]:5000', 'registry.internal:5000'].map(mayBePlain),
  ).toEqual([true, true, true, true, true]);
  expect(['127.0.0.1.evil.io', 'localhost.evil.io', '10.0.0.1', 'registry.internal'].map(mayBePlain)).toEqual(
    [false, false, false, false],
  );
});
