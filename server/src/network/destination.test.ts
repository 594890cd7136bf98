import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesName, parseDestination } from './destination.ts';

test.each([
  ['1.2.3.4', { kind: 'range', range: { first: 0x01020304, prefixLength: 32 } }],
  ['10.1.2.3/8', { kind: 'range', range: { first: 0x0a000000, prefixLength: 8 } }],
  ['0.0.0.0/0', { kind: 'range', range: { first: 0, prefixLength: 0 } }],
  ['example.com', { kind: 'host', name: 'example.com' }],
  ['EXAMPLE.com.', { kind: 'host', name: 'example.com' }],
  ['*.Example.com', { kind: 'wildcard', domain: 'example.com' }],
  ['bücher.example', { kind: 'host', name: 'xn--bcher-kva.example' }],
  ['_http.my_host.example', { kind: 'host', name: '_http.my_host.example' }],
  ['intranet', { kind: 'host', name: 'intranet' }],
])('%j is a destination', (text, destination) => {
  expect(parseDestination(text)).toEqual(destination);
});

test.each([
  '',
  '.',
  '*',
  '*.',
  '**.example.com',
  'a*.example.com',
  'a.*.example.com',
  '*example.com',
  '*.1.2.3',
  'https://example.com',
  'example.com/path',
  'example.com:443',
  '1.2.3.4:80',
  '::1',
  'fe80::/10',
  '2001:db8::1',
  '[::1]',
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '010.0.0.1',
  '1.2.3.4/33',
  '1.2.3.4/',
  '1.2.3.4/08',
  '0x7f.1',
  'example.123',
  '-a.example',
  'a-.example',
  'a..example',
  'a b.example',
  'a\0b.example',
  'a\n.example',
  '"; add rule',
  `${'a'.repeat(64)}.example`,
  `${'a.'.repeat(127)}example`,
])('%j is refused, and the message says so', (text) => {
  expect(() => parseDestination(text)).toThrow(/is no destination/);
});

test('whatever is taken leaves no room for commands of the firewall', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      let destination;
      try {
        destination = parseDestination(text);
      } catch {
        return;
      }
      if (destination.kind === 'host') expect(destination.name).toMatch(/^[a-z0-9_.-]+$/);
      if (destination.kind === 'wildcard') expect(destination.domain).toMatch(/^[a-z0-9_.-]+$/);
    }),
  );
});

test.each([
  ['*.example.com', 'a.example.com', true],
  ['*.example.com', 'a.b.example.com', true],
  ['*.example.com', 'example.com', false],
  ['*.example.com', 'evil-example.com', false],
  ['*.example.com', 'evilexample.com', false],
  ['*.example.com', 'a.example.com.evil.net', false],
  ['example.com', 'example.com', true],
  ['example.com', 'a.example.com', false],
  ['example.com', 'example.com.evil.net', false],
  ['1.2.3.4', '1.2.3.4', false],
])('%j means the name %j: %s', (pattern, name, means) => {
  expect(matchesName(parseDestination(pattern), name)).toBe(means);
});
