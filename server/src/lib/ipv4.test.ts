import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatIpv4,
  formatIpv4Range,
  parseIpv4,
  parseIpv4Range,
  rangeContains,
  rangeSize,
  rangesOverlap,
} from './ipv4.ts';

test('an address survives being written and read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (address) => {
      expect(parseIpv4(formatIpv4(address))).toBe(address);
    }),
  );
});

test.each(['', '1.2.3', '1.2.3.256', '1.2.3.4.5', ' 1.2.3.4', '::1'])('%j is no address', (text) => {
  expect(parseIpv4(text)).toBeUndefined();
});

test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'default'])('%j is no range', (text) => {
  expect(parseIpv4Range(text)).toBeUndefined();
});

test('a range starts at its prefix, whatever address of it names it', () => {
  expect(formatIpv4Range(parseIpv4Range('10.64.37.5/18') ?? { first: 0, prefixLength: 0 })).toBe(
    '10.64.0.0/18',
  );
});

test('ranges overlap exactly when one holds an end of the other', () => {
  const range = fc
    .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 32 }))
    .map(([address, length]) => parseIpv4Range(`${formatIpv4(address)}/${length}`))
    .filter((parsed) => parsed !== undefined);
  fc.assert(
    fc.property(range, range, (a, b) => {
      const last = a.first + rangeSize(a.prefixLength) - 1;
      const holds = rangeContains(b, a.first) || rangeContains(b, last) || rangeContains(a, b.first);
      expect(rangesOverlap(a, b)).toBe(holds);
    }),
  );
});
