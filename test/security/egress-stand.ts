/** Stand-ins for what rules for destinations are about: hosts in a namespace, and the resolver that knows their names. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseQuery } from '../../server/src/network/dns-message.ts';
import { readDnsFrames, writeDnsFrame } from '../../server/src/network/dns-frame.ts';
import { randomId } from '../../server/src/lib/id.ts';
import { run } from '../../server/src/lib/run.ts';
import { ip, startResidentProgram } from './network-stand.ts';
import type { Resident } from './network-stand.ts';

export const PORT = 7007;
const TIMEOUT_MS = 20_000;
const PROGRAM = fileURLToPath(new URL('./egress-hosts.ts', import.meta.url));

/** Names and what they lead to. */
export interface Zone {
  addresses?: string[];
  alias?: string;
  /** Addresses of another name that the answer names as well. */
  byTheWay?: string[];
  ttlSecs?: number;
}

export interface StandInResolver {
  address: string;
  zones: Map<string, Zone>;
  close(): Promise<void>;
}

/** A resolver on the loopback of this host, over UDP and TCP. It gives AAAA and others an A record as well: it is evil. */
export async function startResolver(): Promise<StandInResolver> {
  const zones = new Map<string, Zone>();
  const tcp = createServer((socket: Socket) => {
    socket.on('error', () => {});
    readDnsFrames(socket, (query) => writeDnsFrame(socket, answer(zones, query)));
  }).listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (query, from) => udp.send(answer(zones, query), from.port, from.address));
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  return {
    address: `127.0.0.1:${port}`,
    zones,
    close: async () => {
      udp.close();
      await closeServer(tcp);
    },
  };
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()));

function answer(zones: ReadonlyMap<string, Zone>, query: Buffer): Buffer {
  const parsed = parseQuery(query);
  const end = parsed.kind === 'question' ? parsed.question.end : query.length;
  const name = parsed.kind === 'question' ? parsed.question.name : '';
  const zone = zones.get(name);
  const records = zone === undefined ? [] : recordsOf(zones, name, zone);
  const message = Buffer.concat([query.subarray(0, end), ...records]);
  message.writeUInt16BE(zone === undefined ? 0x8183 : 0x8180, 2);
  message.writeUInt16BE(records.length, 6);
  message.writeUInt32BE(0, 8);
  return message;
}

function recordsOf(zones: ReadonlyMap<string, Zone>, name: string, zone: Zone): Buffer[] {
  const ttl = zone.ttlSecs ?? 60;
  const aliased = zone.alias === undefined ? undefined : zones.get(zone.alias);
  return [
    ...(zone.alias === undefined ? [] : [record(name, 5, wireName(zone.alias), ttl)]),
    ...(zone.addresses ?? []).map((address) => record(name, 1, bytesOf(address), ttl)),
    ...(aliased?.addresses ?? []).map((address) => record(zone.alias ?? '', 1, bytesOf(address), ttl)),
    ...(zone.byTheWay ?? []).map((address) => record('by.the.way.example', 1, bytesOf(address), ttl)),
  ];
}

function record(owner: string, type: number, data: Buffer, ttlSecs: number): Buffer {
  const fixed = Buffer.from([0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
  fixed.writeUInt32BE(ttlSecs, 4);
  return Buffer.concat([wireName(owner), fixed, data]);
}

const bytesOf = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);

/** Hosts beyond the machine, all in one namespace; each answers on the ports that somebody could try. */
export interface StandInHosts {
  hostAddress: string;
  allowed: string;
  /** Allowed too, but no test sends there honestly. */
  allowedQuiet: string;
  other: string;
  denied: string;
  private: string;
  linkLocal: string;
  /** Behind an interface that is named as Docker names its own, in a range that is not private. */
  container: string;
  /** IPv4 packets of any kind that arrived for an address, by address. */
  arrived(): Promise<Record<string, number>>;
  netnsPath: string;
  /** What the hosts print: `tcp ADDRESS` for a connection, the lines that came over it. */
  server: Resident;
  close(): Promise<void>;
}

/** Ranges for benchmarks (RFC 2544) and private ones, different each time: tests may run side by side. */
export async function startHosts(): Promise<StandInHosts> {
  const netns = `hosts-${randomId(6)}`;
  await ip('netns', 'add', netns);
  try {
    return await fillNetns(netns);
  } catch (error) {
    await ip('netns', 'delete', netns);
    throw error;
  }
}

async function fillNetns(netns: string): Promise<StandInHosts> {
  const id = netns.slice('hosts-'.length);
  const [device, bridge] = [`out-${id}`, `docker${id}`];
  const [net, containers] = [`198.18.${randomInt(256)}`, `198.19.${randomInt(256)}`];
  const linkLocal = `169.254.${randomInt(1, 168)}.${randomInt(1, 255)}`;
  const privateHost = `10.${randomInt(200, 255)}.${randomInt(256)}.2`;
  const metadata = '169.254.169.254';
  const addresses = [2, 3, 4, 5].map((last) => `${net}.${last}`);
  const [allowed = '', other = '', denied = '', allowedQuiet = ''] = addresses;
  const all = [...addresses, linkLocal, privateHost, metadata, `${containers}.2`];
  await link(netns, device, 'eth0', `${net}.1/24`);
  await link(netns, bridge, 'eth1', `${containers}.1/24`);
  await ip('-n', netns, 'link', 'set', 'lo', 'up');
  for (const address of all) await ip('-n', netns, 'address', 'add', `${address}/32`, 'dev', 'lo');
  await ip('-n', netns, 'route', 'add', `${net}.0/24`, 'dev', 'eth0');
  await ip('-n', netns, 'route', 'add', `${containers}.0/24`, 'dev', 'eth1');
  await ip('-n', netns, 'route', 'add', 'default', 'via', `${net}.1`);
  const metric = String(randomInt(1_000, 1_000_000)); // another test may have a route to the metadata too
  for (const address of [linkLocal, privateHost, metadata])
    await ip('route', 'add', `${address}/32`, 'via', allowed, 'dev', device, 'metric', metric);
  await countArrivals(netns, all);
  const server = startResidentProgram(`/run/netns/${netns}`, PROGRAM, JSON.stringify(all));
  await server.saw('ready');
  return {
    hostAddress: `${net}.1`,
    allowed,
    allowedQuiet,
    other,
    denied,
    private: privateHost,
    linkLocal,
    container: `${containers}.2`,
    netnsPath: `/run/netns/${netns}`,
    server,
    arrived: () => readArrivals(netns),
    async close() {
      await server.stop();
      await ip('link', 'delete', device);
      await ip('link', 'delete', bridge);
      await ip('netns', 'delete', netns);
    },
  };
}

async function link(netns: string, device: string, inside: string, address: string): Promise<void> {
  await ip('link', 'add', device, 'type', 'veth', 'peer', 'name', inside, 'netns', netns);
  await ip('address', 'add', address, 'dev', device);
  await ip('link', 'set', device, 'up');
  await ip('-n', netns, 'link', 'set', inside, 'up');
}

const inNetns = (netns: string, argv: string[], input?: string) =>
  run(['ip', 'netns', 'exec', netns, ...argv], { timeoutMs: TIMEOUT_MS, ...(input && { input }) });

async function countArrivals(netns: string, addresses: readonly string[]): Promise<void> {
  const rules = `table ip arrived {
    set by_address { type ipv4_addr; counter; elements = { ${addresses.join(', ')} } }
    chain input {
      type filter hook prerouting priority raw;
      ip daddr @by_address
    }
  }`;
  await inNetns(netns, ['nft', '-f', '-'], rules);
}

async function readArrivals(netns: string): Promise<Record<string, number>> {
  const { stdout } = await inNetns(netns, ['nft', 'list', 'set', 'ip', 'arrived', 'by_address']);
  const counted = stdout.matchAll(/(\d+\.\d+\.\d+\.\d+) counter packets (\d+)/g);
  return Object.fromEntries([...counted].map(([, address = '', packets]) => [address, Number(packets)]));
}
