/** What the network tests stand on: programs inside namespaces, a stand-in for the internet, a census of the host. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { randomInt } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { run } from '../../server/src/lib/run.ts';
import { describeHostRange, readHostRanges } from '../../server/src/network/host-address.ts';
import { parseIpv4Range, rangesOverlap } from '../../server/src/lib/ipv4.ts';

export type ProbeRequest =
  | { kind: 'tcp' | 'hold'; host: string; port: number }
  | { kind: 'udp'; host: string; port: number; from?: string }
  | { kind: 'serve'; port: number }
  | { kind: 'resolve'; server: string; name: string; type: 'A' | 'AAAA' };

const TIMEOUT_MS = 20_000;
const PROBE = fileURLToPath(new URL('./network-probe.ts', import.meta.url));

export async function ip(...args: string[]): Promise<string> {
  return (await run(['ip', ...args], { timeoutMs: TIMEOUT_MS })).stdout;
}

/** Makes one request inside a namespace and answers what it met. */
export async function probe(netnsPath: string, request: ProbeRequest): Promise<string> {
  const argv = ['nsenter', `--net=${netnsPath}`, process.execPath, PROBE, JSON.stringify(request)];
  return (await run(argv, { timeoutMs: TIMEOUT_MS })).stdout.trim();
}

export interface Resident {
  /** Lines printed so far. */
  lines: string[];
  /** Resolves when a line has been printed, also one of the past. */
  saw(line: string): Promise<void>;
  write(text: string): void;
  stop(): Promise<void>;
}

/** Starts a program inside a namespace that stays: a server, or a connection that is held. */
export function startResident(netnsPath: string, request: ProbeRequest): Resident {
  return startResidentProgram(netnsPath, PROBE, JSON.stringify(request));
}

/** Starts a script of Node with one argument inside a namespace. */
export function startResidentProgram(netnsPath: string, program: string, argument: string): Resident {
  const args = [`--net=${netnsPath}`, process.execPath, program, argument];
  return watchLines(spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] }));
}

const residents = new Set<Resident>();

/** Stops what tests left running, so that a failed one leaves nothing behind. */
export async function stopResidents(): Promise<void> {
  await Promise.all([...residents].map((resident) => resident.stop()));
}

/** Follows the lines that a child process prints. */
export function watchLines(child: ChildProcess): Resident {
  const lines: string[] = [];
  if (child.stdout === null) throw new TypeError('the child has no standard output');
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const resident: Resident = {
    lines,
    async saw(line) {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      while (!lines.includes(line)) {
        const ended = await Promise.race([
          once(reader, 'line', { signal }).then(() => false),
          once(reader, 'close', { signal }).then(() => true),
        ]);
        if (ended && !lines.includes(line)) throw new Error(`ended after saying ${JSON.stringify(lines)}`);
      }
    },
    write: (text) => void child.stdin?.write(text),
    async stop() {
      residents.delete(resident);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
  residents.add(resident);
  return resident;
}

export interface Outside {
  netnsPath: string;
  /** Its address, and the host's on the link to it. */
  address: string;
  hostAddress: string;
  /** Opened on its address: tells TCP and UDP callers their address. */
  port: number;
  server: Resident;
  close(): Promise<void>;
}

const OUTSIDE_PORT = 7007;

/** A namespace behind a link of the host that plays the internet, with the metadata address on it. */
export async function createOutside(id: string): Promise<Outside> {
  const netns = `outside-${id}`;
  const device = `out-${id}`;
  // A range for benchmarks (RFC 2544), another one each time: tests may run side by side.
  const net = `198.18.${randomInt(256)}`;
  const [address, hostAddress] = [`${net}.2`, `${net}.1`];
  await ip('netns', 'add', netns);
  await ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
  await ip('address', 'add', `${hostAddress}/24`, 'dev', device);
  await ip('link', 'set', device, 'up');
  await ip('-n', netns, 'link', 'set', 'lo', 'up');
  await ip('-n', netns, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  await ip('-n', netns, 'address', 'add', '169.254.169.254/32', 'dev', 'lo');
  await ip('-n', netns, 'link', 'set', 'eth0', 'up');
  await ip('-n', netns, 'route', 'add', 'default', 'via', hostAddress);
  const metric = String(randomInt(1_000, 1_000_000)); // another test may have a route to the metadata too
  await ip('route', 'add', '169.254.169.254/32', 'via', address, 'metric', metric);
  const netnsPath = `/run/netns/${netns}`;
  const server = startResident(netnsPath, { kind: 'serve', port: OUTSIDE_PORT });
  await server.saw('ready');
  residents.delete(server);
  return {
    netnsPath,
    address,
    hostAddress,
    port: OUTSIDE_PORT,
    server,
    async close() {
      await server.stop();
      await ip('link', 'delete', device);
      await ip('netns', 'delete', netns);
    },
  };
}

/** Everything on the host that carries the id of an instance, or an address of its range. */
export async function census(instanceId: string, range: string): Promise<string[]> {
  const [interfaces, namespaces, tables, iptables, ranges] = await Promise.all([
    readdir('/sys/class/net'),
    readdir('/run/netns'),
    run(['nft', 'list', 'tables'], { timeoutMs: TIMEOUT_MS }),
    run(['iptables', '-S'], { timeoutMs: TIMEOUT_MS }),
    readHostRanges(),
  ]);
  const instanceRange = parseIpv4Range(range);
  if (instanceRange === undefined) throw new TypeError(`${range} is no range`);
  return [
    ...[...interfaces, ...namespaces, ...tables.stdout.split('\n'), ...iptables.stdout.split('\n')].filter(
      (line) => new RegExp(`^(a|at[dp]-|atoll-|.*atoll_)${instanceId}`).test(line),
    ),
    ...ranges
      .filter((entry) => entry.range.prefixLength > 0 && rangesOverlap(entry.range, instanceRange))
      .map(describeHostRange),
  ];
}
