import { expect, test } from 'vitest';
import { parseAddresses, parseRoutes } from './host-address.ts';
import { formatIpv4Range } from '../lib/ipv4.ts';

const written = (ranges: ReturnType<typeof parseRoutes>): string[] =>
  ranges.map((entry) => `${formatIpv4Range(entry.range)} ${entry.device}`);

test('routes of every kind are read, the default route is not', () => {
  const text = `default via 192.0.2.1 dev eth0
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2
local 192.0.2.2 dev eth0 table local proto kernel scope host src 192.0.2.2
blackhole 198.51.100.0/24
`;
  expect(written(parseRoutes(text))).toEqual(['192.0.2.0/24 eth0', '192.0.2.2/32 eth0', '198.51.100.0/24 ']);
});

test('addresses are read with the range of their link', () => {
  const text = `1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
4: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever
`;
  expect(written(parseAddresses(text))).toEqual(['127.0.0.0/8 lo', '192.0.2.0/24 eth0']);
});
