import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Log } from '../lib/log.ts';
import { describeHostRange, readHostRanges } from './host-address.ts';
import type { HostRange } from './host-address.ts';
import { formatIpv4Range, parseIpv4Range, rangeSize, rangesOverlap } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';
import { RESOLVER_INTERFACE_PREFIX, networkNames } from './name.ts';
import type { NetworkNames } from './name.ts';
import { runNft } from './nft-queue.ts';
import { renderTableRemoval } from './ruleset.ts';
import { removeInterface } from './veth.ts';

/** The address range of one server, held as long as its process lives. */
export interface RangeLease {
  range: Ipv4Range;
  /** Lets others have the range. `forget` also drops the record that leads a restarted server back to it. */
  release(options: { forget: boolean }): Promise<void>;
}

export interface RangeLeaseOptions {
  instanceId: string;
  names: NetworkNames;
  /** Holds the record of the range, for the next process of this server. */
  runDir: string;
  /** Ranges are cut out of this one. */
  pool: string;
  log: Log;
}

const RANGE_PREFIX_LENGTH = 18;
const RECORD = 'network-range';

/**
 * Finds a range that no route or address of the host overlaps and that no other server holds.
 *
 * The lock is a listening socket in the abstract namespace, named after the range: binding it is atomic, the kernel
 * frees it the moment the process dies, and its scope is the network namespace, as that of the addresses. What a dead
 * server left behind (sandboxes that wait to be adopted) still shows as routes, so its range stays its own; when
 * only its resolver interface is left, nothing waits, and the range is taken over.
 */
export async function leaseRange(options: RangeLeaseOptions): Promise<RangeLease> {
  const instance = await lockInstance(options.instanceId);
  try {
    return await leaseAny(options, instance);
  } catch (error) {
    await closeServer(instance);
    throw error;
  }
}

/** Everything on the host is named after the instance, so two servers of one id would remove each other's sandboxes. */
async function lockInstance(instanceId: string): Promise<Server> {
  const lock = await lockName(`atoll-instance-${instanceId}`);
  if (lock !== undefined) return lock;
  throw new Error(
    `another server of this host has the instance id ${instanceId}: its data directory was copied; ` +
      'remove the file instance-id of the copy before it is started for the first time',
  );
}

async function leaseAny(options: RangeLeaseOptions, instance: Server): Promise<RangeLease> {
  const recorded = await readRecord(options.runDir);
  const candidates = candidateRanges(options);
  const tried: string[] = [];
  for (const range of recorded === undefined ? candidates : [recorded, ...candidates]) {
    const lock = await lockRange(range);
    if (lock === undefined) continue;
    const obstacle = await clearRange(range, options);
    if (obstacle === undefined) return keepRange(range, [lock, instance], options);
    tried.push(`${formatIpv4Range(range)}: ${describeHostRange(obstacle)}`);
    await closeServer(lock);
  }
  const reasons = tried.slice(0, 3).join('; ') || 'other servers hold all of them';
  throw new Error(`no free address range for sandboxes in ${options.pool}: ${reasons}`);
}

async function keepRange(range: Ipv4Range, locks: Server[], options: RangeLeaseOptions): Promise<RangeLease> {
  await writeRecord(options.runDir, range);
  return {
    range,
    async release({ forget }) {
      if (forget) await rm(join(options.runDir, RECORD), { force: true });
      await Promise.all(locks.map(closeServer));
    },
  };
}

/** All ranges of the pool, from a place that depends on the instance, so that servers seldom meet. */
function candidateRanges(options: RangeLeaseOptions): Ipv4Range[] {
  const pool = parseIpv4Range(options.pool);
  if (pool === undefined || pool.prefixLength > RANGE_PREFIX_LENGTH)
    throw new TypeError(
      `address pool ${options.pool} is not an IPv4 range of at least /${RANGE_PREFIX_LENGTH}`,
    );
  const count = rangeSize(pool.prefixLength) / rangeSize(RANGE_PREFIX_LENGTH);
  const start = createHash('sha256').update(options.instanceId).digest().readUInt32BE(0) % count;
  return Array.from({ length: count }, (_, index) => ({
    first: pool.first + ((start + index) % count) * rangeSize(RANGE_PREFIX_LENGTH),
    prefixLength: RANGE_PREFIX_LENGTH,
  }));
}

/** The lock of a range, or undefined while another process has it. */
const lockRange = (range: Ipv4Range): Promise<Server | undefined> =>
  lockName(`atoll-range-${formatIpv4Range(range)}`);

function lockName(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(`\0${name}`, () => resolve(server));
  });
}

/** What makes the range unusable, after what a dead server left there and nobody needs is gone. */
async function clearRange(range: Ipv4Range, options: RangeLeaseOptions): Promise<HostRange | undefined> {
  const { names } = options;
  const isOurs = (device: string) =>
    device === names.resolverInterface || names.slotOfVeth(device) !== undefined;
  const overlapping = (await readHostRanges()).filter(
    (entry) => entry.range.prefixLength > 0 && rangesOverlap(entry.range, range) && !isOurs(entry.device),
  );
  const obstacle = overlapping.find((entry) => !isResolverInterface(entry.device));
  if (obstacle !== undefined) return obstacle;
  for (const device of new Set(overlapping.map((entry) => entry.device))) {
    options.log.info({ device }, 'taking over the address range of a server that is gone');
    await removeRemains(device.slice(RESOLVER_INTERFACE_PREFIX.length));
  }
  return undefined;
}

/** The rules go first: they drop what others send from the range, and the interface is what tells of them. */
async function removeRemains(instanceId: string): Promise<void> {
  const { table, resolverInterface } = networkNames(instanceId);
  await runNft(renderTableRemoval(table));
  await removeInterface(resolverInterface);
}

function isResolverInterface(device: string): boolean {
  return /^atd-[a-z0-9]{4}$/.test(device);
}

async function readRecord(runDir: string): Promise<Ipv4Range | undefined> {
  const text = await readFile(join(runDir, RECORD), 'utf8').catch(() => '');
  const range = parseIpv4Range(text.trim());
  return range?.prefixLength === RANGE_PREFIX_LENGTH ? range : undefined;
}

async function writeRecord(runDir: string, range: Ipv4Range): Promise<void> {
  await mkdir(runDir, { recursive: true, mode: 0o700 });
  const path = join(runDir, RECORD);
  await writeFile(`${path}.new`, `${formatIpv4Range(range)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
