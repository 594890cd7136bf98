/** IPv4 addresses and ranges as unsigned 32-bit numbers. */

export interface Ipv4Range {
  first: number;
  prefixLength: number;
}

/** Reads `a.b.c.d`; undefined for anything else. */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  if (octets.some((octet) => octet > 255)) return undefined;
  return octets.reduce((value, octet) => value * 256 + octet, 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Reads `a.b.c.d/n` (a lone address is a /32); undefined for anything else. Bits below the prefix are cleared. */
export function parseIpv4Range(text: string): Ipv4Range | undefined {
  const [host = '', length = '32', ...rest] = text.split('/');
  const address = parseIpv4(host);
  const prefixLength = Number(length);
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || prefixLength > 32)
    return undefined;
  return { first: address - (address % rangeSize(prefixLength)), prefixLength };
}

export function formatIpv4Range(range: Ipv4Range): string {
  return `${formatIpv4(range.first)}/${range.prefixLength}`;
}

/** How many addresses a prefix of this length holds. */
export function rangeSize(prefixLength: number): number {
  return 2 ** (32 - prefixLength);
}

export function rangeContains(range: Ipv4Range, address: number): boolean {
  return address >= range.first && address < range.first + rangeSize(range.prefixLength);
}

export function rangesOverlap(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first < b.first + rangeSize(b.prefixLength) && b.first < a.first + rangeSize(a.prefixLength);
}

/** The same addresses as ranges that neither overlap nor touch, lowest first: `[first, last]`. */
export function mergeRanges(ranges: readonly Ipv4Range[]): [number, number][] {
  const merged: [number, number][] = [];
  for (const { first, prefixLength } of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = first + rangeSize(prefixLength) - 1;
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}
