import { run } from '../lib/run.ts';
import { formatIpv4Range, parseIpv4, parseIpv4Range } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';

/** One range that the host has a use for, and the interface it goes to. */
export interface HostRange {
  range: Ipv4Range;
  device: string;
}

const IP_TIMEOUT_MS = 20_000;

/** Every range of the host's routing tables and addresses but the default route. */
export async function readHostRanges(): Promise<HostRange[]> {
  const [routes, addresses] = await Promise.all([
    run(['ip', '-4', 'route', 'show', 'table', 'all'], { timeoutMs: IP_TIMEOUT_MS }),
    run(['ip', '-4', '-o', 'address', 'show'], { timeoutMs: IP_TIMEOUT_MS }),
  ]);
  return [...parseRoutes(routes.stdout), ...parseAddresses(addresses.stdout)];
}

/** Lines are `[TYPE] RANGE … dev NAME …`; the type is left out for unicast. Exported for its test. */
export function parseRoutes(text: string): HostRange[] {
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const range = parseIpv4Range(words[0] ?? '') ?? parseIpv4Range(words[1] ?? '');
    const device = words[words.indexOf('dev') + 1] ?? '';
    return range === undefined ? [] : [{ range, device: words.includes('dev') ? device : '' }];
  });
}

/** Lines are `INDEX: DEVICE inet ADDRESS/LENGTH …`. Exported for its test. */
export function parseAddresses(text: string): HostRange[] {
  return readAddressLines(text).flatMap(({ device, address }) => {
    const range = parseIpv4Range(address);
    return range === undefined ? [] : [{ range, device }];
  });
}

/** The host's own address on each interface whose name passes `wanted`. */
export async function readInterfaceAddresses(
  wanted: (device: string) => boolean,
): Promise<Map<string, number>> {
  const { stdout } = await run(['ip', '-4', '-o', 'address', 'show'], { timeoutMs: IP_TIMEOUT_MS });
  const found = new Map<string, number>();
  for (const { device, address } of readAddressLines(stdout)) {
    const value = parseIpv4(address.split('/')[0] ?? '');
    if (value !== undefined && wanted(device)) found.set(device, value);
  }
  return found;
}

/** Interfaces of Docker's networks and the like, whose ranges need not be private. */
const CONTAINER_BRIDGES = ['docker', 'br-', 'virbr', 'cni', 'podman', 'lxcbr', 'lxdbr'];

/** Names of such bridges, `*` at the end. One that the host itself goes out by is none of them. */
export async function containerBridges(): Promise<string[]> {
  const { stdout } = await run(['ip', '-4', 'route', 'show', 'default'], { timeoutMs: IP_TIMEOUT_MS });
  const uplinks = [...stdout.matchAll(/ dev (\S+)/g)].map((match) => match[1] ?? '');
  return CONTAINER_BRIDGES.filter((prefix) => !uplinks.some((device) => device.startsWith(prefix))).map(
    (prefix) => `${prefix}*`,
  );
}

function readAddressLines(text: string): { device: string; address: string }[] {
  return text.split('\n').flatMap((line) => {
    const [, device, family, address] = line.trim().split(/\s+/);
    return device === undefined || family !== 'inet' || address === undefined ? [] : [{ device, address }];
  });
}

/** For messages: what stands in the way of a range. */
export function describeHostRange({ range, device }: HostRange): string {
  return `${formatIpv4Range(range)} (${device === '' ? 'no interface' : device})`;
}
