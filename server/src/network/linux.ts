import { writeFile } from 'node:fs/promises';
import { ApiError } from '@atoll/protocol/errors';
import type { Log } from '../lib/log.ts';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { createAddressPool } from './address-pool.ts';
import type { AddressPool } from './address-pool.ts';
import { containerBridges, readInterfaceAddresses } from './host-address.ts';
import { forgetConnections } from './conntrack.ts';
import { createEgress, newRule } from './egress.ts';
import type { Egress } from './egress.ts';
import { openPolicy } from './egress-policy.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { readReport } from './egress-report.ts';
import type { EgressReport } from './egress-report.ts';
import { createHostLookup } from './host-lookup.ts';
import { createHostFirewall } from './host-firewall.ts';
import type { DnsUpstream } from './dns-upstream.ts';
import type { HostFirewall } from './host-firewall.ts';
import { formatIpv4Range, parseIpv4 } from '../lib/ipv4.ts';
import { networkNames } from './name.ts';
import type { NetworkNames } from './name.ts';
import type { SandboxNetwork } from './network.ts';
import { createNftQueue, runNft } from './nft-queue.ts';
import type { NftQueue } from './nft-queue.ts';
import { leaseRange } from './range-lease.ts';
import type { RangeLease } from './range-lease.ts';
import { recallRules } from './recall.ts';
import { createRefusedNames } from './refused-names.ts';
import type { RefusedNames } from './refused-names.ts';
import { renderTable, renderTableRemoval } from './ruleset.ts';
import type { EgressLimits } from './ruleset.ts';
import { createUpstream, openSandboxResolver } from './sandbox-resolver.ts';
import { allElements, changeCommands } from './slot-elements.ts';
import { createSlotRules } from './slot-rules.ts';
import type { SlotRules } from './slot-rules.ts';
import { readTraffic } from './traffic.ts';
import { createLink, createResolverInterface, listLinks, removeInterface, removeLink } from './veth.ts';

export interface LinuxNetworkOptions {
  /** 4 characters [a-z0-9]; part of the name of everything on the host. */
  instanceId: string;
  runDir: string;
  log: Log;
  /** Where the agent listens in every sandbox. */
  agentPort?: number;
  /** Private range out of which the instance takes a /18. */
  addressPool?: string;
  maxSlots?: number;
  /** How long the address of a released slot rests before another slot has it. */
  addressRestMs?: number;
  /** Resolvers to forward names to (`host`, `host:port`, `[v6]:port`) instead of the host's. */
  upstreamResolvers?: readonly string[];
  limits?: EgressLimits;
  /** The rules, as they are on record, of slots that an earlier process left; of others nothing is known. */
  policyOf?: (slotId: string) => EgressPolicy | undefined;
}

export interface LinuxNetwork extends SandboxNetwork {
  readonly resolverAddress: string;
  /** The instance's range, for diagnosis. */
  readonly range: string;
  /** What on the host keeps sandboxes from their network, each with what to do. */
  problems(): Promise<string[]>;
}

const DEFAULT_AGENT_PORT = 9501;
/** Rarely met by company networks, cloud defaults, Docker or Kubernetes. */
const DEFAULT_ADDRESS_POOL = '10.64.0.0/11';
const DEFAULT_MAX_SLOTS = 4095;
const DEFAULT_ADDRESS_REST_MS = 60_000;

/** How often the host's firewall is looked at: other programs reload theirs, and may remove ours with it. */
const TEND_INTERVAL_MS = 10_000;

interface Context {
  names: NetworkNames;
  lease: RangeLease;
  pool: AddressPool;
  rules: SlotRules;
  queue: NftQueue;
  firewall: HostFirewall;
  log: Log;
  egress: Egress;
  refusedNames: RefusedNames;
  upstream: DnsUpstream;
  limits: EgressLimits;
  /** The table as it should be; `counted` holds what the counters of an earlier one said. */
  renderAll: (counted?: readonly string[]) => string;
  agentPort: number;
}

/**
 * The sandboxes' network: per slot a namespace, a veth pair and a /30; one static nftables table per instance in which
 * sandboxes are set elements. Needs root. What an earlier process of this server left is kept, rules in force, until
 * `adopt` or `release` says otherwise.
 */
export async function createLinuxNetwork(options: LinuxNetworkOptions): Promise<LinuxNetwork> {
  const context = await createContext(options);
  try {
    return await openNetwork(context, options);
  } catch (error) {
    await context.lease.release({ forget: false });
    throw error;
  }
}

async function openNetwork(context: Context, options: LinuxNetworkOptions): Promise<LinuxNetwork> {
  await createResolverInterface(context.names, context.pool.resolver);
  const counted = await recallSlots(context, options.policyOf ?? (() => undefined));
  await runNft(context.renderAll(counted));
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  await context.firewall.ensure();
  const resolver = await openSandboxResolver({
    address: context.pool.resolver,
    upstream: context.upstream,
    egress: context.egress,
    log: context.log,
  });
  for (const problem of await context.firewall.problems()) context.log.warn({ problem }, 'the host firewall');
  const tending = tend(context);
  return {
    resolverAddress: context.pool.resolver,
    range: formatIpv4Range(context.lease.range),
    attach: (slotId, signal) => attach(context, slotId, signal),
    requirePolicy: context.egress.requireResolvable,
    setPolicy: context.egress.change,
    report: (slotId) => report(context, slotId),
    traffic: (slotId) => readTraffic(context.names.veth(slotId)),
    release: (slotId) => release(context, slotId),
    adopt: (slotId, endpoint, policy) => adopt(context, slotId, endpoint, policy),
    list: () => list(context),
    problems: () => context.firewall.problems(),
    async close() {
      context.egress.close();
      await Promise.all([resolver.close(), tending.stop()]);
      await close(context);
    },
  };
}

/** Asks for a chain in the same transaction queue as all changes: if the table is gone, the queue builds it anew. */
function tend(context: Context): { stop(): Promise<void> } {
  let inFlight = Promise.resolve();
  const look = async (): Promise<void> => {
    await context.queue.apply([`list chain inet ${context.names.table} sources`]);
    await context.firewall.ensure();
  };
  const timer = setInterval(() => {
    inFlight = inFlight
      .then(look)
      .catch((error: unknown) => context.log.error({ err: error }, 'cannot tend the host firewall'));
  }, TEND_INTERVAL_MS);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
      return inFlight;
    },
  };
}

async function createContext(options: LinuxNetworkOptions): Promise<Context> {
  const names = networkNames(options.instanceId);
  const pool = options.addressPool ?? DEFAULT_ADDRESS_POOL;
  const lease = await leaseRange({ ...options, names, pool });
  const addresses = createAddressPool({
    range: lease.range,
    maxSlots: options.maxSlots ?? DEFAULT_MAX_SLOTS,
    restMs: options.addressRestMs ?? DEFAULT_ADDRESS_REST_MS,
  });
  const rules = createSlotRules();
  const { limits = {} } = options;
  const bridges = await containerBridges();
  const tableOptions = {
    names,
    range: formatIpv4Range(lease.range),
    resolver: addresses.resolver,
    limits,
    bridges,
  };
  const elements = (): string[] => rules.all().flatMap((rule) => allElements(names, rule, Date.now()));
  const renderAll = (counted: readonly string[] = []) =>
    renderTable(tableOptions, [...counted, ...elements()]);
  const queue = createNftQueue({
    renderAll,
    onRebuild: (error) => options.log.warn({ err: error }, 'building the firewall table anew'),
  });
  const upstream = createUpstream(options.upstreamResolvers);
  const refusedNames = createRefusedNames();
  const hosts = createHostLookup(upstream);
  return {
    names,
    lease,
    pool: addresses,
    rules,
    queue,
    limits,
    upstream,
    refusedNames,
    egress: createEgress({ names, rules, queue, hosts, refusedNames, log: options.log }),
    firewall: createHostFirewall({ names, resolver: addresses.resolver }),
    log: options.log,
    renderAll,
    agentPort: options.agentPort ?? DEFAULT_AGENT_PORT,
  };
}

/**
 * Reads what an earlier process of this server left: addresses from the links, rules from the records, and from the
 * table what only the table knows. Answers what the counters said, for the next table.
 */
async function recallSlots(
  context: Context,
  policyOf: (slotId: string) => EgressPolicy | undefined,
): Promise<string[]> {
  const { names, pool, rules } = context;
  const [gateways, recalled] = await Promise.all([
    readInterfaceAddresses((device) => names.slotOfVeth(device) !== undefined),
    recallRules(names, policyOf),
  ]);
  for (const [device, gateway] of gateways) {
    const slotId = names.slotOfVeth(device);
    if (slotId === undefined || !pool.claim(slotId, gateway)) continue;
    const sandboxAddress = pool.of(slotId)?.sandbox;
    if (sandboxAddress !== undefined) rules.set(recalled.ruleOf(slotId, sandboxAddress));
  }
  return recalled.counted(new Set(rules.all().map((rule) => rule.sandboxAddress)));
}

async function attach(context: Context, slotId: string, signal: AbortSignal): Promise<SlotEndpoint> {
  const { names, pool, rules, queue } = context;
  const addresses = pool.take(slotId);
  if (addresses === undefined)
    throw new ApiError('too_busy', 'every network address for sandboxes is in use or was until just now');
  const rule = newRule(slotId, addresses.sandbox, openPolicy);
  rules.set(rule);
  try {
    await settleAll([
      createLink(names, slotId, addresses, signal),
      queue.apply(changeCommands(names, undefined, rule, Date.now())),
    ]);
  } catch (error) {
    await release(context, slotId);
    throw error;
  }
  return {
    netnsPath: names.netnsPath(slotId),
    host: addresses.sandbox,
    port: context.agentPort,
    gateway: addresses.gateway,
  };
}

/** Waits for all also when one fails, so that undoing does not race with doing. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

async function report(
  { names, rules, refusedNames, limits }: Context,
  slotId: string,
): Promise<EgressReport> {
  const rule = rules.get(slotId);
  if (rule === undefined) throw new Error(`slot ${slotId} has no network`);
  const counted = await readReport(names, rule.sandboxAddress);
  return { ...counted, limits, refusedNames: refusedNames.of(slotId) };
}

async function release(context: Context, slotId: string): Promise<void> {
  const { names, pool, rules, queue } = context;
  await removeLink(names, slotId);
  const rule = rules.get(slotId);
  if (rule !== undefined) {
    rules.delete(slotId);
    context.refusedNames.forget(slotId);
    await queue.apply(changeCommands(names, rule, undefined, Date.now()));
    await forgetConnections(rule.sandboxAddress);
  }
  pool.give(slotId);
}

async function adopt(
  context: Context,
  slotId: string,
  endpoint: SlotEndpoint,
  policy: EgressPolicy,
): Promise<void> {
  const { names, pool, rules, egress } = context;
  const address = parseIpv4(endpoint.host);
  if (address === undefined || !pool.claim(slotId, address))
    throw new Error(`slot ${slotId} cannot have ${endpoint.host} in ${formatIpv4Range(context.lease.range)}`);
  const { veths, namespaces } = await listLinks(names);
  if (!veths.has(slotId) || !namespaces.has(slotId)) throw new Error(`the network of slot ${slotId} is gone`);
  const recalled = rules.get(slotId);
  if (recalled === undefined) throw new Error(`slot ${slotId} has no rules`);
  // What was recalled stands by the same record, and knows where names had led to.
  if (recalled.policy.generation !== policy.generation) await egress.change(slotId, policy);
}

async function list(context: Context): Promise<string[]> {
  const { veths, namespaces } = await listLinks(context.names);
  return [...new Set([...veths, ...namespaces, ...context.rules.all().map((rule) => rule.slotId)])];
}

/** While a sandbox is left, its rules stay in force for the next process of this server. */
async function close(context: Context): Promise<void> {
  const isEmpty = (await list(context)).length === 0;
  if (isEmpty) {
    await context.firewall.remove();
    await runNft(renderTableRemoval(context.names.table));
    await removeInterface(context.names.resolverInterface);
  }
  await context.lease.release({ forget: isEmpty });
}
