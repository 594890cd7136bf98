import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { createAddressReader, namesBoth } from './address.ts';

const request = (headers: Record<string, string>) => ({ headers }) as IncomingMessage; // only headers are read
const read = createAddressReader({ baseDomain: 'lab.example' });
const identifierOf = (headers: Record<string, string>): string | undefined => {
  const address = read(request(headers));
  return address.kind === 'sandbox' ? address.identifier : undefined;
};

test.each([
  ['a7f4ghmafgbsa4snhm4wf.local', 'a7f4ghmafgbsa4snhm4wf'],
  ['my-env.local:8900', 'my-env'],
  ['My-Env.LOCAL', 'my-env'],
  ['my-env.localhost:8900', 'my-env'],
  ['my-env.lab.example', 'my-env'],
  ['my-env.sandbox.lab.example', 'my-env'],
])('%s addresses a sandbox', (host, identifier) => {
  expect(identifierOf({ host })).toBe(identifier);
});

test.each([
  '127.0.0.1:8900',
  'localhost',
  'api.lab.example',
  'sandbox.lab.example',
  'lab.example',
  'a.b.local',
  '.local',
  'other.example',
])('%s addresses the server', (host) => {
  expect(identifierOf({ host })).toBeUndefined();
});

test.each([
  ['lab.local', 'my-env.lab.local', 'my-env'],
  ['lab.local', 'my-env.sandbox.lab.local', 'my-env'],
  ['lab.localhost', 'my-env.lab.localhost:8900', 'my-env'],
  ['lab.local', 'api.lab.local', undefined],
  ['lab.local', 'lab.local', undefined],
  ['lab.local', 'my-env.local', 'my-env'],
  ['localhost', 'my-env.localhost', 'my-env'],
  ['localhost', 'api.localhost', undefined],
  ['lab.example', 'api.local', 'api'],
  [undefined, 'www.localhost', 'www'],
])('with the base domain %s, %s addresses %s', (baseDomain, host, identifier) => {
  const readBelow = createAddressReader(baseDomain === undefined ? {} : { baseDomain });
  const address = readBelow(request({ host }));
  expect(address.kind === 'sandbox' ? address.identifier : undefined).toBe(identifier);
});

test('a second sandbox id in the headers is refused, however alike', () => {
  const twice = { headersDistinct: { 'x-tensorlake-sandbox-id': ['my-env', 'other'] } };
  expect(() => namesBoth(twice as unknown as IncomingMessage, 'my-env')).toThrow('given twice'); // only they are read
});

test('the header addresses a sandbox on a host of the server', () => {
  expect(identifierOf({ host: 'sandbox.lab.example', 'x-tensorlake-sandbox-id': 'my-env' })).toBe('my-env');
});
