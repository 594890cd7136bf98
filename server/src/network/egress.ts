import { ApiError } from '@atoll/protocol/errors';
import type { Log } from '../lib/log.ts';
import { isClosedAddress, isClosedText } from './denied-range.ts';
import type { DnsAnswer } from './dns-message.ts';
import type { DnsClient } from './dns-proxy.ts';
import { hostsOf, isDeniedName, mayResolve, modeOf, shutPolicy } from './egress-policy.ts';
import type { EgressPolicy } from './egress-policy.ts';
import type { HostAnswer, HostLookup } from './host-lookup.ts';
import { createLearnedAddresses } from './learned-addresses.ts';
import type { NetworkNames } from './name.ts';
import type { NftQueue } from './nft-queue.ts';
import type { RefusedNames } from './refused-names.ts';
import { changeCommands, learnCommands } from './slot-elements.ts';
import type { NameSet, SlotRule } from './slot-elements.ts';
import type { SlotRules } from './slot-rules.ts';

/** The rules of sandboxes as they change: by a request, and by what names lead to. */
export interface Egress {
  /** Throws `unresolvable_host` where a name of the rules leads nowhere that may be reached. */
  requireResolvable(policy: EgressPolicy): Promise<void>;
  /** Swaps the rules of a slot in one transaction; where that fails, the old ones stay. False of an unknown slot. */
  change(slotId: string, policy: EgressPolicy): Promise<boolean>;
  /** Who asks from that address, for the resolver. */
  clientAt(sourceAddress: string): DnsClient | undefined;
  close(): void;
}

export interface EgressOptions {
  names: NetworkNames;
  rules: SlotRules;
  queue: NftQueue;
  hosts: HostLookup;
  refusedNames: RefusedNames;
  log: Log;
}

/** How much longer an address may be used than its name says: programs keep addresses longer than they may. */
const GRACE_MS = 2 * 60_000;
/** The longest that a sandbox may keep an answer; an address holds that long and the grace after it. */
const MAX_TTL_SECS = 3_600;
/** A change of rules judges connections again whose names were asked for long ago; they have this long to say something. */
const REJUDGE_MS = 3_600_000;
/** Nobody asks for a denied name through the server, so what it led to is remembered for longer. */
const DENIED_HOLD_MS = 24 * 3_600_000;
const REFRESH_INTERVAL_MS = 10_000;

type Found = ReadonlyMap<string, HostAnswer>;

export function createEgress(options: EgressOptions): Egress {
  const { rules, hosts, log } = options;
  let refreshing = Promise.resolve();
  const timer = setInterval(() => {
    refreshing = refreshing
      .then(() => refreshAll(options))
      .catch((err: unknown) => log.warn({ err }, 'cannot renew the addresses of names in network rules'));
  }, REFRESH_INTERVAL_MS).unref();
  return {
    requireResolvable: async (policy) => requireAll(policy, await findHosts(hosts, policy)),
    change: (slotId, policy) => change(options, slotId, policy),
    clientAt(sourceAddress) {
      const rule = rules.at(sourceAddress);
      return rule && createClient(options, rule.slotId);
    },
    close: () => clearInterval(timer),
  };
}

/** The answers for all names without wildcards in a policy; names that lead nowhere are absent. */
async function findHosts(hosts: HostLookup, { allow, deny }: EgressPolicy): Promise<Found> {
  const wanted = [...new Set([...hostsOf(allow), ...hostsOf(deny)])];
  const answers = await Promise.all(wanted.map(async (name) => [name, await hosts.find(name)] as const));
  return new Map(answers.flatMap(([name, answer]) => (answer === undefined ? [] : [[name, answer]])));
}

function requireAll(policy: EgressPolicy, found: Found): void {
  for (const name of [...hostsOf(policy.allow), ...hostsOf(policy.deny)])
    if (!found.has(name)) throw new ApiError('unresolvable_host', `${name} has no IPv4 address`);
  for (const name of hostsOf(policy.allow)) {
    if (reachable(policy, found.get(name)).length > 0) continue;
    throw new ApiError('unresolvable_host', `${name} only leads to addresses that sandboxes may not reach`);
  }
}

const reachable = (policy: EgressPolicy, answer: HostAnswer | undefined): string[] =>
  (answer?.addresses ?? []).filter((address) => !isClosedText(address, policy.openRanges));

/**
 * The next rule is in memory before its commands are in the queue, so that a name that is answered meanwhile is judged
 * by it, and its addresses come after it. Names are looked up before: from there on nothing waits.
 */
async function change(options: EgressOptions, slotId: string, policy: EgressPolicy): Promise<boolean> {
  const { names, rules, queue, hosts } = options;
  const found = await findHosts(hosts, policy);
  const before = rules.get(slotId);
  if (before === undefined) return false;
  const nowMs = Date.now();
  const counts = (name: string): boolean => mayResolve({ ...policy, internet: true }, name);
  const after: SlotRule = {
    ...before,
    policy,
    allowedNames: before.allowedNames.restrict(counts, nowMs, nowMs + REJUDGE_MS),
    deniedNames: before.deniedNames.restrict((name) => isDeniedName(policy, name), nowMs, nowMs),
  };
  for (const { set, name, addresses, untilMs } of learnable(policy, found, nowMs))
    listOf(after, set).learn(name, addresses, untilMs);
  rules.set(after);
  try {
    await queue.apply(changeCommands(names, before, after, nowMs));
    return true;
  } catch (error) {
    if (rules.get(slotId) === after) rules.set(before);
    throw error;
  }
}

const listOf = (rule: SlotRule, set: NameSet) =>
  set === 'allowed_names' ? rule.allowedNames : rule.deniedNames;

/** What the answers for a policy's names add to its sets. */
function learnable(policy: EgressPolicy, found: Found, nowMs: number) {
  return [...found].flatMap(([name, answer]) => [
    ...(hostsOf(policy.allow).includes(name)
      ? [
          {
            set: 'allowed_names' as const,
            name,
            addresses: reachable(policy, answer),
            untilMs: answer.untilMs + GRACE_MS,
          },
        ]
      : []),
    ...(hostsOf(policy.deny).includes(name)
      ? [
          {
            set: 'denied_names' as const,
            name,
            addresses: answer.addresses,
            untilMs: nowMs + DENIED_HOLD_MS,
          },
        ]
      : []),
  ]);
}

/** Names lead elsewhere after a while; those without wildcards are followed also where no sandbox asks. */
async function refreshAll(options: EgressOptions): Promise<void> {
  for (const { slotId, policy } of options.rules.all()) {
    if (hostsOf(policy.allow).length + hostsOf(policy.deny).length === 0) continue;
    const found = await findHosts(options.hosts, policy);
    const rule = options.rules.get(slotId);
    if (rule?.policy !== policy) continue;
    const nowMs = Date.now();
    for (const { set, name, addresses, untilMs } of learnable(policy, found, nowMs))
      await learn(options, rule, set, name, addresses, untilMs);
  }
}

/** False where the sandbox has no room for more addresses. */
async function learn(
  { names, queue }: EgressOptions,
  rule: SlotRule,
  set: NameSet,
  name: string,
  addresses: readonly string[],
  untilMs: number,
): Promise<boolean> {
  const fresh = listOf(rule, set).learn(name, addresses, untilMs);
  if (fresh === undefined) return false;
  if (fresh.length > 0) await queue.apply(learnCommands(names, set, rule, fresh, untilMs, Date.now()));
  return true;
}

/** Looks the rule up at every step: it may have changed while the answer was waited for. */
function createClient(options: EgressOptions, slotId: string): DnsClient {
  const policy = (): EgressPolicy | undefined => options.rules.get(slotId)?.policy;
  return {
    mayResolve(name) {
      const current = policy();
      const may = current !== undefined && mayResolve(current, name);
      if (!may) options.refusedNames.note(slotId, name);
      return may;
    },
    maxTtlSecs: MAX_TTL_SECS,
    isListed: () => modeOf(policy() ?? shutPolicy) === 'listed',
    admit: (answer) => admit(options, slotId, answer),
  };
}

async function admit(
  options: EgressOptions,
  slotId: string,
  { chain, addresses, allAddresses, ttlSecs }: DnsAnswer,
): Promise<'admitted' | 'refused' | 'full'> {
  const rule = options.rules.get(slotId);
  const [name = ''] = chain;
  const isRefused =
    rule === undefined ||
    !mayResolve(rule.policy, name) ||
    chain.some((alias) => isDeniedName(rule.policy, alias)) ||
    allAddresses.some((address) => isClosedAddress(address, rule.policy.openRanges));
  if (isRefused) {
    options.refusedNames.note(slotId, name);
    return 'refused';
  }
  if (modeOf(rule.policy) !== 'listed' || addresses.length === 0) return 'admitted';
  const untilMs = Date.now() + Math.min(ttlSecs, MAX_TTL_SECS) * 1000 + GRACE_MS;
  return (await learn(options, rule, 'allowed_names', name, addresses, untilMs)) ? 'admitted' : 'full';
}

/** The rule of a slot that has no names yet. */
export const newRule = (slotId: string, sandboxAddress: string, policy: EgressPolicy): SlotRule => ({
  slotId,
  sandboxAddress,
  policy,
  allowedNames: createLearnedAddresses(),
  deniedNames: createLearnedAddresses(),
});
