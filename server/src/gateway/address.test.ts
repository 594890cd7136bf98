import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { createAddressReader } from './address.ts';

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

test('the header addresses a sandbox on a host of the server', () => {
  expect(identifierOf({ host: 'sandbox.lab.example', 'x-tensorlake-sandbox-id': 'my-env' })).toBe('my-env');
});
