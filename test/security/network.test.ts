import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { randomId } from '../../server/src/lib/id.ts';
import { createLog } from '../../server/src/lib/log.ts';
import { run } from '../../server/src/lib/run.ts';
import { parseDestination } from '../../server/src/network/destination.ts';
import { openPolicy } from '../../server/src/network/egress-policy.ts';
import type { EgressPolicy } from '../../server/src/network/egress-policy.ts';
import { createLinuxNetwork } from '../../server/src/network/linux.ts';
import type { LinuxNetwork, LinuxNetworkOptions } from '../../server/src/network/linux.ts';
import { readSet } from '../../server/src/network/nft-listing.ts';
import type { SlotEndpoint } from '../../server/src/runtime/driver.ts';
import {
  census,
  createOutside,
  ip,
  probe,
  startResident,
  stopResidents,
  watchLines,
} from './network-stand.ts';
import type { Outside } from './network-stand.ts';

const log = createLog('silent');
const patience = (): AbortSignal => AbortSignal.timeout(20_000);
const AGENT_PORT = 9501;
const shut: EgressPolicy = { ...openPolicy, generation: 1, internet: false };

let runDir: string;
let outside: Outside;
let upstream: UdpSocket;
let hostService: Server;
let hostPort: number;
let network: LinuxNetwork;
const instanceId = randomId(4);

/** What records would say. */
const policyOf = (slotId: string): EgressPolicy => (slotId === 'slotshut' ? shut : openPolicy);

async function openNetwork(
  id = instanceId,
  options: Partial<LinuxNetworkOptions> = {},
): Promise<LinuxNetwork> {
  const upstreamResolvers = [`127.0.0.1:${upstream.address().port}`];
  return createLinuxNetwork({
    instanceId: id,
    runDir: join(runDir, id),
    log,
    upstreamResolvers,
    policyOf,
    ...options,
  });
}

async function releaseAll(target: LinuxNetwork): Promise<void> {
  for (const slotId of await target.list()) await target.release(slotId);
  await target.close();
}

/** A sandbox of its own for one test. */
async function attach(target = network): Promise<{ slotId: string; endpoint: SlotEndpoint; netns: string }> {
  const slotId = randomId(8);
  const endpoint = await target.attach(slotId, patience());
  return { slotId, endpoint, netns: endpoint.netnsPath ?? '' };
}

/** Answers every question with one A record: 192.0.2.80, or the metadata address for names that begin with "m". */
function answerName(query: Buffer): Buffer {
  const isEvil = query.toString('latin1', 13, 14) === 'm';
  const record = Buffer.from('c00c00010001000000010004c0000250', 'hex');
  if (isEvil) record.writeUInt32BE(0xa9fea9fe, 12);
  let end = 12;
  while (query[end] !== 0) end += 1 + (query[end] ?? 0);
  const answer = Buffer.concat([query.subarray(0, end + 5), record]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  answer.writeUInt32BE(0, 8);
  return answer;
}

beforeAll(async () => {
  runDir = await mkdtemp(join(tmpdir(), 'atoll-network-'));
  upstream = createSocket('udp4');
  upstream.on('message', (query, from) => upstream.send(answerName(query), from.port, from.address));
  upstream.bind(0, '127.0.0.1');
  await once(upstream, 'listening');
  outside = await createOutside(instanceId.slice(0, 3) + randomId(2));
  hostService = createServer((socket) => socket.on('error', () => {}).end('host'));
  hostService.listen(0, '::');
  await once(hostService, 'listening');
  hostPort = (hostService.address() as AddressInfo).port;
  network = await openNetwork();
});

afterAll(async () => {
  await releaseAll(network);
  hostService.close();
  await outside.close();
  upstream.close();
  await rm(runDir, { recursive: true });
});

afterEach(stopResidents);

/** Runs a script of Node in the namespace, and answers what it printed. */
async function runIn(netns: string, script: string): Promise<string> {
  const argv = ['nsenter', `--net=${netns}`, process.execPath, '-e', script];
  return (await run(argv, { timeoutMs: 20_000 })).stdout.trim();
}

/** What the host still tracks of an address, with a port of the other end or any. */
async function entriesOf(address: string, port?: number): Promise<string[]> {
  const entries = (await readFile('/proc/net/nf_conntrack', 'utf8')).split('\n');
  return entries.filter(
    (line) => line.includes(`=${address} `) && (port === undefined || line.includes(`dport=${port} `)),
  );
}

test('a second server of the same instance id is refused, and says what to do', async () => {
  await expect(openNetwork()).rejects.toThrow(/data directory was copied/);
});

describe('shares of the host', () => {
  test('a sandbox cannot fill the table of connections', async () => {
    const { netns } = await attach();
    const counted = async () => Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));
    const before = await counted();
    await runIn(
      netns,
      `const s = require('dgram').createSocket('udp4'); let sent = 0;
       for (let port = 10000; port < 16000; port++)
         s.send('x', port, '${outside.address}', () => ++sent === 6000 && s.close());`,
    );
    const opened = (await counted()) - before;
    expect(opened).toBeGreaterThan(3_000);
    expect(opened).toBeLessThan(4_096 + 500);
    expect(await probe(netns, { kind: 'tcp', host: outside.address, port: outside.port })).toBe('timeout');
    const other = await attach();
    expect(await probe(other.netns, { kind: 'tcp', host: outside.address, port: outside.port })).toContain(
      'reached',
    );
  });

  test('a sandbox cannot flood the resolver', async () => {
    const { netns } = await attach();
    const answered = await runIn(
      netns,
      `const s = require('dgram').createSocket('udp4'); let got = 0; s.on('message', () => got++);
       const q = Buffer.from('000701000001000000000000016100001c0001', 'hex');
       for (let i = 0; i < 3000; i++) s.send(q, 53, '${network.resolverAddress}');
       setTimeout(() => { console.log(got); s.close(); }, 1000);`,
    );
    expect(Number(answered)).toBeGreaterThan(100);
    expect(Number(answered)).toBeLessThan(1_200);
  });

  test('a sandbox opens a bounded number of connections to the resolver', async () => {
    const { netns } = await attach();
    const opened = await runIn(
      netns,
      `const net = require('net'); let opened = 0;
       for (let i = 0; i < 150; i++)
         net.connect(53, '${network.resolverAddress}', () => opened++).on('error', () => {});
       setTimeout(() => { console.log(opened); process.exit(); }, 700);`,
    );
    expect(Number(opened)).toBeGreaterThan(20);
    expect(Number(opened)).toBeLessThan(100);
  });

  test('bandwidth and new connections have limits where the server sets them', async () => {
    const limited = await openNetwork(randomId(4), {
      limits: { mbitPerSecond: 8, newConnectionsPerSecond: 20 },
    });
    const { netns, slotId } = await attach(limited);
    const seen = outside.server.lines.length;
    const took = await runIn(
      netns,
      `const dgram = require('dgram'); const s = dgram.createSocket('udp4'); const began = Date.now();
       const flood = (n) => n < 8000 ? s.send(Buffer.alloc(1400), 9, '${outside.address}', () => flood(n + 1)) : open();
       let left = 300;
       const open = () => { for (let i = 0; i < 300; i++) { const one = dgram.createSocket('udp4');
         one.send('x', ${outside.port}, '${outside.address}', () => { one.close(); if (--left === 0) end(); }); } };
       const end = () => { console.log(Date.now() - began); s.close(); };
       flood(0);`,
    );
    const { sent: counted, limits } = await limited.report(slotId);
    const elapsedSecs = Number(took) / 1000;
    expect(counted.bytes).toBeGreaterThan(100_000);
    expect(counted.bytes).toBeLessThan(2_000_000 + elapsedSecs * 1_500_000);
    expect(outside.server.lines.length - seen).toBeLessThan(200 + elapsedSecs * 20);
    expect(limits).toEqual({ mbitPerSecond: 8, newConnectionsPerSecond: 20 });
    await releaseAll(limited);
  });

  test('low ports and ping are open to all users of a sandbox', async () => {
    const { netns } = await attach();
    const sysctl = '/proc/sys/net/ipv4';
    const { stdout } = await run(
      [
        'nsenter',
        `--net=${netns}`,
        'cat',
        `${sysctl}/ip_unprivileged_port_start`,
        `${sysctl}/ping_group_range`,
      ],
      { timeoutMs: 5_000 },
    );
    expect(stdout.split(/\s+/).filter(Boolean)).toEqual(['0', '0', '2147483647']);
  });
});

describe('outwards', () => {
  test('a sandbox reaches other hosts under the address of this one', async () => {
    const { netns } = await attach();
    const { address: host, port } = outside;
    expect(await probe(netns, { kind: 'tcp', host, port })).toBe(`reached as ${outside.hostAddress}`);
    expect(await probe(netns, { kind: 'udp', host, port })).toBe(`reached as ${outside.hostAddress}`);
  });

  test('the metadata address is out of reach', async () => {
    const { netns } = await attach();
    const request = { host: '169.254.169.254', port: outside.port };
    expect(await probe(netns, { kind: 'tcp', ...request })).toBe('ECONNREFUSED');
    expect(await probe(netns, { kind: 'udp', ...request })).not.toContain('reached');
  });

  test('packets with a source address of somebody else do not leave', async () => {
    const { netns, endpoint } = await attach();
    const victim = await attach();
    for (const from of ['198.51.100.7', victim.endpoint.host, outside.hostAddress]) {
      await ip(
        'netns',
        'exec',
        netns.slice('/run/netns/'.length),
        'ip',
        'address',
        'add',
        `${from}/32`,
        'dev',
        'eth0',
      );
      const seen = outside.server.lines.length;
      const request = { kind: 'udp', host: outside.address, port: outside.port, from } as const;
      expect(await probe(netns, request)).toBe('timeout');
      expect(outside.server.lines.slice(seen)).toEqual([]);
    }
    const honest = { kind: 'udp', host: outside.address, port: outside.port, from: endpoint.host } as const;
    expect(await probe(netns, honest)).toContain('reached');
  });
});

describe('to the host', () => {
  test('no address of the host answers', async () => {
    const { netns, endpoint } = await attach();
    const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
    const hosts = addresses.filter((entry) => entry.family === 'IPv4' && !entry.internal);
    const tried = new Set([
      ...hosts.map((entry) => entry.address),
      endpoint.gateway ?? '',
      network.resolverAddress,
    ]);
    const answers = await Promise.all(
      [...tried].slice(0, 40).map((host) => probe(netns, { kind: 'tcp', host, port: hostPort })),
    );
    expect(new Set(answers)).toEqual(new Set(['timeout']));
  });

  test('a sandbox that switches IPv6 on does not reach the host over it', async () => {
    const { slotId, netns } = await attach();
    const veth = `a${instanceId}${slotId}`;
    const name = netns.slice('/run/netns/'.length);
    await writeFile(`/proc/sys/net/ipv6/conf/${veth}/disable_ipv6`, '0');
    await ip('address', 'add', 'fd5e::1/64', 'dev', veth, 'nodad');
    await ip('netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0');
    await ip('-n', name, 'address', 'add', 'fd5e::2/64', 'dev', 'eth0', 'nodad');
    expect(await probe(netns, { kind: 'tcp', host: 'fd5e::1', port: hostPort })).toBe('timeout');
  });

  test('IPv6 is off in a new namespace and on its veth', async () => {
    const { slotId, netns } = await attach();
    const file = `/proc/sys/net/ipv6/conf/a${instanceId}${slotId}/disable_ipv6`;
    expect((await readFile(file, 'utf8')).trim()).toBe('1');
    expect(await ip('-6', '-n', netns.slice('/run/netns/'.length), 'address', 'show')).toBe('');
  });
});

describe('towards a sandbox', () => {
  test('the server reaches it, another sandbox and another host do not', async () => {
    const [target, other] = [await attach(), await attach()];
    const resident = startResident(target.netns, { kind: 'serve', port: AGENT_PORT });
    await resident.saw('ready');
    const request = { kind: 'tcp', host: target.endpoint.host, port: AGENT_PORT } as const;
    expect(await callFromHost(target.endpoint)).toBe(target.endpoint.gateway);
    expect(await probe(other.netns, request)).toBe('ECONNREFUSED');
    expect(await probe(outside.netnsPath, request)).toBe('timeout');
  });
});

async function callFromHost(endpoint: SlotEndpoint): Promise<string> {
  const socket = connect(endpoint.port, endpoint.host);
  const [data]: unknown[] = await once(socket, 'data', { signal: patience() });
  socket.destroy();
  return String(data);
}

describe('names', () => {
  test('are resolved, without IPv6 addresses', async () => {
    const { netns } = await attach();
    const ask = { kind: 'resolve', server: network.resolverAddress, name: 'example.org' } as const;
    expect(await probe(netns, { ...ask, type: 'A' })).toBe('["192.0.2.80"]');
    expect(await probe(netns, { ...ask, type: 'AAAA' })).toBe('ENODATA');
  });

  test('that lead into a denied range are refused', async () => {
    const { netns } = await attach();
    const ask = {
      kind: 'resolve',
      server: network.resolverAddress,
      name: 'metadata.example',
      type: 'A',
    } as const;
    expect(await probe(netns, ask)).toBe('EREFUSED');
  });

  test('open what they lead to, for as long as the answer may be kept and two minutes more', async () => {
    const { slotId, netns, endpoint } = await attach();
    const allow = [parseDestination('*.example.org')];
    await network.setPolicy(slotId, { ...openPolicy, generation: 1, allow });
    const named = async () => {
      const elements = await readSet(`atoll_${instanceId}`, 'allowed_names');
      return elements.filter(({ key }) => key[0] === endpoint.host);
    };
    const ask = { kind: 'resolve', server: network.resolverAddress, type: 'A' } as const;
    expect(await probe(netns, { ...ask, name: 'example.org' })).toBe('EREFUSED');
    expect(await named()).toEqual([]);
    expect(await probe(netns, { ...ask, name: 'a.example.org' })).toBe('["192.0.2.80"]');
    const [element, ...rest] = await named();
    expect([element?.key, rest]).toEqual([[endpoint.host, '192.0.2.80'], []]);
    expect(element?.expiresInSecs).toBeGreaterThan(100); // the answer may be kept for a second
    expect(element?.expiresInSecs).toBeLessThanOrEqual(121);
    await network.setPolicy(slotId, { ...openPolicy, generation: 2, allow: [parseDestination('1.1.1.1')] });
    expect(await named()).toEqual([]);
    expect((await network.report(slotId)).refusedNames).toMatchObject([{ name: 'example.org', count: 1 }]);
  });

  test('are refused to the host and to other hosts', async () => {
    const ask = { kind: 'resolve', server: network.resolverAddress, name: 'example.org', type: 'A' } as const;
    expect(await probe('/proc/self/ns/net', ask)).toBe('EREFUSED');
    expect(await probe(outside.netnsPath, ask)).toBe('ETIMEOUT');
  });
});

describe('without internet access', () => {
  test('connections end, new ones and names are refused, the server still reaches it', async () => {
    const { slotId, netns, endpoint } = await attach();
    const { address: host, port } = outside;
    const held = startResident(netns, { kind: 'hold', host, port });
    await held.saw(outside.hostAddress);
    await network.setPolicy(slotId, shut);
    held.write('late');
    expect(await probe(netns, { kind: 'tcp', host, port })).not.toContain('reached');
    expect(held.lines).not.toContain('late');
    const ask = { kind: 'resolve', server: network.resolverAddress, name: 'example.org', type: 'A' } as const;
    expect(await probe(netns, ask)).toBe('EREFUSED');
    const resident = startResident(netns, { kind: 'serve', port: AGENT_PORT });
    await resident.saw('ready');
    expect(await callFromHost(endpoint)).toBe(endpoint.gateway);
    await network.setPolicy(slotId, { ...openPolicy, generation: 2 });
    expect(await probe(netns, { kind: 'tcp', host, port })).toContain('reached');
  });
});

describe('on one host', () => {
  test('two servers have ranges of their own, and one leaves without touching the other', async () => {
    const second = await openNetwork(randomId(4));
    expect(second.range).not.toBe(network.range);
    const [ours, theirs] = [await attach(), await attach(second)];
    const resident = startResident(ours.netns, { kind: 'serve', port: AGENT_PORT });
    await resident.saw('ready');
    const request = { kind: 'tcp', host: ours.endpoint.host, port: AGENT_PORT } as const;
    expect(await probe(theirs.netns, request)).toBe('timeout');
    await releaseAll(second);
    const { address: host, port } = outside;
    expect(await probe(ours.netns, { kind: 'tcp', host, port })).toContain('reached');
  });

  test('nothing is left of a server that has released its slots and closed', async () => {
    const id = randomId(4);
    const gone = await openNetwork(id);
    await Promise.all([attach(gone), attach(gone), attach(gone)]);
    expect(await gone.list()).toHaveLength(3);
    await releaseAll(gone);
    expect(await census(id, gone.range)).toEqual([]);
  });

  test('release is idempotent, also of slots that never were', async () => {
    const { slotId } = await attach();
    await network.release(slotId);
    await network.release(slotId);
    await network.release('unknown0');
    expect(await network.list()).not.toContain(slotId);
  });

  test('nothing of a connection is left for the next holder of an address', async () => {
    const one = await openNetwork(randomId(4), { maxSlots: 1, addressRestMs: 0 });
    const first = await attach(one);
    const remote = startResident(outside.netnsPath, { kind: 'serve', port: 7008 });
    await remote.saw('ready');
    const held = startResident(first.netns, { kind: 'hold', host: outside.address, port: 7008 });
    await held.saw(outside.hostAddress);
    await one.release(first.slotId);
    expect(await entriesOf(first.endpoint.host)).toEqual([]);
    const second = await attach(one);
    expect(second.endpoint.host).toBe(first.endpoint.host);
    const count = ['nsenter', `--net=${second.netns}`, 'nft', '-f', '-'];
    const rules = `table ip seen {
      counter late {}
      counter any_at_all {}
      chain in {
        type filter hook prerouting priority raw;
        tcp sport 7008 counter name late
        counter name any_at_all
      }
    }`;
    await run(count, { timeoutMs: 5_000, input: rules });
    await remote.stop(); // its kernel ends the connection, and says so to the address
    const request = { kind: 'tcp', host: outside.address, port: outside.port } as const;
    expect(await probe(second.netns, request)).toContain('reached');
    const listing = ['nsenter', `--net=${second.netns}`, 'nft', 'list', 'counters'];
    const { stdout } = await run(listing, { timeoutMs: 5_000 });
    const counted = [...stdout.matchAll(/counter (\w+) \{\s*packets (\d+)/g)].map(([, name, packets]) => [
      name,
      packets !== '0',
    ]);
    expect(Object.fromEntries(counted)).toEqual({ late: false, any_at_all: true });
    await releaseAll(one);
  });

  test('an address rests before it serves another slot', async () => {
    const one = await openNetwork(randomId(4), { maxSlots: 1 });
    const { slotId } = await attach(one);
    await one.release(slotId);
    await expect(attach(one)).rejects.toThrow(/until just now/);
    await releaseAll(one);
  });

  test('a table that somebody removed is built anew with the next change', async () => {
    const { slotId, netns } = await attach();
    await run(['nft', 'delete', 'table', 'inet', `atoll_${instanceId}`], { timeoutMs: 5_000 });
    await network.setPolicy(slotId, { ...openPolicy, generation: 2 });
    const request = { host: outside.address, port: outside.port };
    expect(await probe(netns, { kind: 'tcp', ...request })).toContain('reached');
    expect(await probe(netns, { kind: 'tcp', host: outside.hostAddress, port: hostPort })).toBe('timeout');
  });
});

describe('after kill -9 of the server', () => {
  test('rules stay in force, and the next process takes over without a break', async () => {
    const id = randomId(4);
    const script = fileURLToPath(new URL('./network-server.ts', import.meta.url));
    const child = spawn(process.execPath, [script, id, join(runDir, id), 'slotopen', 'slotshut'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const server = watchLines(child);
    await server.saw('ready');
    const endpoints = JSON.parse(server.lines[0] ?? '[]') as SlotEndpoint[];
    const [open, closed] = endpoints;
    if (open?.netnsPath === undefined || closed?.netnsPath === undefined) throw new Error('no endpoints');
    const { address: host, port } = outside;
    const held = startResident(open.netnsPath, { kind: 'hold', host, port });
    await held.saw(outside.hostAddress);
    await server.stop();
    expect(await probe(closed.netnsPath, { kind: 'tcp', host, port })).not.toContain('reached');
    expect(await probe(open.netnsPath, { kind: 'tcp', host: outside.hostAddress, port: hostPort })).toBe(
      'timeout',
    );

    const next = await openNetwork(id);
    expect(await probe(closed.netnsPath, { kind: 'tcp', host, port })).not.toContain('reached');
    expect((await next.list()).toSorted()).toEqual(['slotopen', 'slotshut']);
    await next.adopt('slotopen', open, openPolicy);
    await next.adopt('slotshut', closed, policyOf('slotshut'));
    held.write('still here');
    await held.saw('still here');
    expect(await probe(open.netnsPath, { kind: 'tcp', host, port })).toContain('reached');
    expect(await probe(closed.netnsPath, { kind: 'tcp', host, port })).not.toContain('reached');
    const ask = { kind: 'resolve', server: next.resolverAddress, name: 'example.org', type: 'A' } as const;
    expect(await probe(open.netnsPath, ask)).toBe('["192.0.2.80"]');
    await releaseAll(next);
    expect(await census(id, next.range)).toEqual([]);
  });

  test('close leaves the rules of sandboxes that still run', async () => {
    const id = randomId(4);
    const first = await openNetwork(id);
    const { netns, endpoint, slotId } = await attach(first);
    await first.close();
    expect(await probe(netns, { kind: 'tcp', host: outside.hostAddress, port: hostPort })).toBe('timeout');
    const next = await openNetwork(id);
    expect(next.range).toBe(first.range);
    await next.adopt(slotId, endpoint, openPolicy);
    await releaseAll(next);
  });
});
