import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAddressReader, namesBoth } from './address.ts';

const request = (headers: Record<string, string>) => ({ headers }) as IncomingMessage; // only headers are read
const read = createAddressReader({ baseDomain: 'lab.example' });
const portAt = (headers: Record<string, string>, url = '/'): string => {
  const address = read({ headers, url } as unknown as IncomingMessage); // only these are read
  return address.kind === 'port' ? `${address.form} ${address.identifier} ${address.port}` : address.kind;
};
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

test.each([
  ['8080-a7f4ghmafgbsa4snhm4wf.local', 'host a7f4ghmafgbsa4snhm4wf 8080'],
  ['80-my-env.localhost:8900', 'host my-env 80'],
  ['65535-MY-env.lab.example', 'host my-env 65535'],
  ['3000-my-env.sandbox.lab.example', 'host my-env 3000'],
  ['9501-my-env.lab.example', 'sandbox'],
  ['0-my-env.lab.example', 'sandbox'],
  ['08-my-env.lab.example', 'sandbox'],
  ['65536-my-env.lab.example', 'sandbox'],
  ['8080-.lab.example', 'server'],
  ['8080-my-env-.lab.example', 'server'],
  ['8080-my-env.other.example', 'server'],
])('the host %s is %s', (host, expected) => {
  expect(portAt({ host })).toBe(expected);
});

test.each([
  ['/ports/my-env/8080', 'path my-env 8080'],
  ['/ports/my-env/8080/a/b?c', 'path my-env 8080'],
  ['/ports/my-env/8080?c', 'path my-env 8080'],
  ['/ports/my-env/80801', 'server'],
  ['/ports/my-env/8080x', 'server'],
  ['/ports/../8080/', 'server'],
  ['/ports/my-env/', 'server'],
  ['/x/ports/my-env/8080', 'server'],
])('the path %s is %s', (url, expected) => {
  expect(portAt({ host: '127.0.0.1:8900' }, url)).toBe(expected);
});

test('whatever is asked, a port is in range and never that of the agent, and its prefix begins the path', () => {
  const hosts = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.nat(70_000), fc.stringMatching(/^[a-zA-Z0-9.-]{0,70}$/))
      .map(([port, rest]) => `${port}-${rest}.local`),
  );
  const paths = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.string(), fc.nat(70_000), fc.string())
      .map(([id, port, rest]) => `/ports/${id}/${port}${rest}`),
  );
  fc.assert(
    fc.property(hosts, paths, (host, url) => {
      const address = read({ headers: { host }, url } as unknown as IncomingMessage); // only these are read
      if (address.kind !== 'port') return;
      expect(address.port).toBeGreaterThan(0);
      expect(address.port).toBeLessThanOrEqual(65_535);
      expect(address.port).not.toBe(9501);
      expect(address.identifier).toMatch(/^[a-z0-9][a-z0-9-]{0,62}$/);
      expect(url.startsWith(address.prefix)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test('the header addresses a sandbox on a host of the server', () => {
  expect(identifierOf({ host: 'sandbox.lab.example', 'x-tensorlake-sandbox-id': 'my-env' })).toBe('my-env');
});
