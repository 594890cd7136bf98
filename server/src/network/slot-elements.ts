import { createHash } from 'node:crypto';
import { formatIpv4, mergeRanges } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';
import { modeOf, rangesOf } from './egress-policy.ts';
import type { EgressPolicy } from './egress-policy.ts';
import type { LearnedAddress, LearnedAddresses } from './learned-addresses.ts';
import type { NetworkNames } from './name.ts';

/** What changes per sandbox in the ruleset. */
export interface SlotRule {
  slotId: string;
  sandboxAddress: string;
  policy: EgressPolicy;
  /** Where names that the policy allows or denies have led to. */
  allowedNames: LearnedAddresses;
  deniedNames: LearnedAddresses;
}

/**
 * The mark of a sandbox's connections: never the same for two generations of a slot, nor for two slots, so that
 * what the host still knows of a former sandbox's connections passes nowhere. Not zero, which is no mark.
 */
export function markOf(slotId: string, generation: number): number {
  return createHash('sha256').update(`${slotId}:${generation}`).digest().readUInt32BE(0) || 1;
}

/** The elements of a slot as they stand behind `add element inet TABLE`, without those of names. */
export function slotElements(names: NetworkNames, { slotId, sandboxAddress, policy }: SlotRule): string[] {
  const device = `"${names.veth(slotId)}"`;
  const mark = markOf(slotId, policy.generation);
  const mode = modeOf(policy);
  return [
    `legal { ${device} . ${sandboxAddress} }`,
    `generation { ${device} : ${mark} }`,
    `current { ${device} . ${mark} }`,
    ...['sent', 'received', 'refused'].map((set) => `${set} { ${sandboxAddress} }`),
    ...(mode === 'shut' ? [] : [`${mode} { ${device} }`]),
    ...pairs('allowed', sandboxAddress, rangesOf(policy.allow)),
    ...pairs('denied', sandboxAddress, rangesOf(policy.deny)),
    ...pairs('opened', sandboxAddress, policy.openRanges),
  ];
}

/** Such a set refuses ranges that overlap. */
const pairs = (set: string, sandboxAddress: string, ranges: readonly Ipv4Range[]): string[] =>
  mergeRanges(ranges).map(
    ([first, last]) => `${set} { ${sandboxAddress} . ${formatIpv4(first)}-${formatIpv4(last)} }`,
  );

/** All elements of a slot, for a table that is built anew. */
export function allElements(names: NetworkNames, rule: SlotRule, nowMs: number): string[] {
  return [
    ...slotElements(names, rule),
    ...nameElements('allowed_names', rule, rule.allowedNames.current(nowMs), nowMs),
    ...nameElements('denied_names', rule, rule.deniedNames.current(nowMs), nowMs),
  ];
}

export type NameSet = 'allowed_names' | 'denied_names';

function nameElements(
  set: NameSet,
  rule: SlotRule,
  learned: readonly LearnedAddress[],
  nowMs: number,
): string[] {
  return learned.map(({ address, untilMs }) => {
    const seconds = Math.max(1, Math.ceil((untilMs - nowMs) / 1000));
    return `${set} { ${rule.sandboxAddress} . ${address} timeout ${seconds}s }`;
  });
}

/** Commands that lead from one rule of a slot to the next in one transaction; without either, it comes or goes. */
export function changeCommands(
  names: NetworkNames,
  before: SlotRule | undefined,
  after: SlotRule | undefined,
  nowMs: number,
): string[] {
  const old = new Set(before && slotElements(names, before));
  const wanted = new Set(after && slotElements(names, after));
  return [
    ...[...old.difference(wanted)].map((element) => `delete element inet ${names.table} ${element}`),
    ...(before ? forgetCommands(names, before, nowMs) : []),
    ...[...wanted.difference(old)].map((element) => `add element inet ${names.table} ${element}`),
    ...(after ? rememberCommands(names, after, nowMs) : []),
  ];
}

const nameSets = (rule: SlotRule) =>
  [
    ['allowed_names', rule.allowedNames],
    ['denied_names', rule.deniedNames],
  ] as const;

/** An element may have expired just now, and deleting what is absent fails, so it is added first. */
function forgetCommands({ table }: NetworkNames, rule: SlotRule, nowMs: number): string[] {
  return nameSets(rule).flatMap(([set, learned]) =>
    learned.current(nowMs).flatMap(({ address }) => {
      const element = `element inet ${table} ${set} { ${rule.sandboxAddress} . ${address} }`;
      return [`add ${element}`, `delete ${element}`];
    }),
  );
}

function rememberCommands({ table }: NetworkNames, rule: SlotRule, nowMs: number): string[] {
  return nameSets(rule).flatMap(([set, learned]) =>
    nameElements(set, rule, learned.current(nowMs), nowMs).map(
      (element) => `add element inet ${table} ${element}`,
    ),
  );
}

/** Commands for addresses that a name has led to, whose timeouts may be on record with less. */
export function learnCommands(
  { table }: NetworkNames,
  set: NameSet,
  rule: SlotRule,
  addresses: readonly string[],
  untilMs: number,
  nowMs: number,
): string[] {
  const learned = addresses.map((address) => ({ address, untilMs }));
  return nameElements(set, rule, learned, nowMs).flatMap((element) => {
    const bare = `element inet ${table} ${element.replace(/ timeout \d+s/, '')}`;
    return [`add ${bare}`, `delete ${bare}`, `add element inet ${table} ${element}`];
  });
}
