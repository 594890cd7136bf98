import type { Ipv4Range } from '../lib/ipv4.ts';
import { matchesName } from './destination.ts';
import type { Destination } from './destination.ts';

/** What a sandbox may reach: the rules of the wire (1.4.3), read, and what its workspace has opened. */
export interface EgressPolicy {
  /** Counts the changes of a sandbox's rules: connections of an earlier one are judged again. */
  generation: number;
  internet: boolean;
  /** Where it is not empty, nothing else is allowed. */
  allow: readonly Destination[];
  /** Wins over `allow`. */
  deny: readonly Destination[];
  /** Ranges that are denied to all but this workspace. */
  openRanges: readonly Ipv4Range[];
}

/** Of a slot that has not been given to a sandbox, and of a sandbox without rules. */
export const openPolicy: EgressPolicy = {
  generation: 0,
  internet: true,
  allow: [],
  deny: [],
  openRanges: [],
};

/** Of what is found on the host and nobody knows. */
export const shutPolicy: EgressPolicy = { ...openPolicy, internet: false };

/** Whether there is any rule for destinations, beyond internet or none. */
export const hasRules = ({ allow, deny }: EgressPolicy): boolean => allow.length + deny.length > 0;

/** `open`: all but what is denied. `listed`: nothing but what is allowed. `shut`: nothing. */
export type EgressMode = 'open' | 'listed' | 'shut';

export function modeOf(policy: EgressPolicy): EgressMode {
  if (policy.allow.length > 0) return 'listed';
  return policy.internet ? 'open' : 'shut';
}

/** Whether the resolver answers questions for this name. */
export function mayResolve(policy: EgressPolicy, name: string): boolean {
  if (!policy.internet || isDeniedName(policy, name)) return false;
  return policy.allow.length === 0 || policy.allow.some((entry) => matchesName(entry, name));
}

export const isDeniedName = (policy: EgressPolicy, name: string): boolean =>
  policy.deny.some((entry) => matchesName(entry, name));

/** The names without wildcards: the server itself knows their addresses, whatever sandboxes ask. */
export const hostsOf = (destinations: readonly Destination[]): string[] =>
  destinations.flatMap((entry) => (entry.kind === 'host' ? entry.name : []));

export const rangesOf = (destinations: readonly Destination[]): Ipv4Range[] =>
  destinations.flatMap((entry) => (entry.kind === 'range' ? entry.range : []));
