import { parseIpv4, parseIpv4Range, rangeContains } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';

const parsed = (ranges: readonly string[]): Ipv4Range[] =>
  ranges.flatMap((text) => parseIpv4Range(text) ?? []);

/** Nothing that a sandbox could mean: "this network", loopback, multicast, reserved and broadcast. */
export const NEVER_RANGES = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4'];

/** Denied unless a workspace has them opened: what a host reaches and strangers should not. */
export const CLOSED_RANGES = [
  // Private networks, those of containers and of Kubernetes among them (RFC 1918), and of carriers (RFC 6598).
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  // Link-local, where clouds have their metadata (RFC 3927); Azure's and Oracle's are elsewhere.
  '169.254.0.0/16',
  '168.63.129.16/32',
  '192.0.0.0/24',
];

const never = parsed(NEVER_RANGES);
const closed = parsed(CLOSED_RANGES);

const liesIn = (inner: Ipv4Range, outer: Ipv4Range): boolean =>
  inner.prefixLength >= outer.prefixLength && rangeContains(outer, inner.first);

/** Whether no address of the range can ever be reached. */
export const isNever = (range: Ipv4Range): boolean => never.some((outer) => liesIn(range, outer));

/** Whether the range is closed as a whole, and the workspace has opened no part of it. */
export function isClosed(range: Ipv4Range, openRanges: readonly Ipv4Range[]): boolean {
  if (isNever(range)) return true;
  if (!closed.some((outer) => liesIn(range, outer))) return false;
  return !openRanges.some((open) => liesIn(open, range) || liesIn(range, open));
}

/** Whether one address is closed, for the answers of resolvers. */
export const isClosedAddress = (address: number, openRanges: readonly Ipv4Range[]): boolean =>
  isClosed({ first: address, prefixLength: 32 }, openRanges);

/** As `isClosedAddress`, of an address as text. */
export function isClosedText(address: string, openRanges: readonly Ipv4Range[]): boolean {
  const value = parseIpv4(address);
  return value === undefined || isClosedAddress(value, openRanges);
}
