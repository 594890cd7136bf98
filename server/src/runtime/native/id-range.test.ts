import { expect, test } from 'vitest';
import { formatIpv4 } from '../../lib/ipv4.ts';
import { idRangeOf } from './id-range.ts';

const limits = { cpus: 1, memoryMb: 64, diskMb: 64 };

test('the slots of one server have ids of their own, above those of users and below 2^31', () => {
  const first = 0x0a40_0000;
  const ranges = Array.from({ length: 4096 }, (_, link) =>
    idRangeOf({ id: 'aaaaaaaa', endpoint: { host: formatIpv4(first + link * 4 + 2), port: 9501 }, limits }),
  );
  const starts = new Set(ranges.map((range) => range.hostId));
  expect(starts.size).toBe(4096);
  expect(Math.min(...starts)).toBeGreaterThan(1 << 28);
  expect(Math.max(...starts) + 65_536).toBeLessThanOrEqual(2 ** 31);
  expect([...starts].filter((start) => start % 65_536 !== 0)).toEqual([]);
});

test('a slot without an address of its own has ids by its name', () => {
  const endpoint = { host: '127.0.0.1', port: 0 };
  const [one, two] = ['aaaaaaaa', 'bbbbbbbb'].map((id) => idRangeOf({ id, endpoint, limits }).hostId);
  expect(one).not.toBe(two);
});
