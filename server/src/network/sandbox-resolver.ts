import type { Log } from '../lib/log.ts';
import { createDnsProxy } from './dns-proxy.ts';
import type { DnsProxy } from './dns-proxy.ts';
import { createDnsUpstream } from './dns-upstream.ts';
import { parseIpv4Range, rangeContains } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';
import { createResolverList, parseResolverAddress } from './resolver-list.ts';
import { DENIED_RANGES } from './ruleset.ts';
import type { SlotRules } from './slot-rules.ts';

export interface SandboxResolverOptions {
  address: string;
  /** The range of the sandboxes, which no name may lead into. */
  range: Ipv4Range;
  rules: SlotRules;
  /** Instead of the host's resolvers. */
  upstreamResolvers?: readonly string[] | undefined;
  log: Log;
}

/** The resolver on the address that all sandboxes of the instance have in their resolv.conf. */
export function openSandboxResolver(options: SandboxResolverOptions): Promise<DnsProxy> {
  const { address, rules, log } = options;
  const denied = DENIED_RANGES.map(parseIpv4Range).filter((range) => range !== undefined);
  return createDnsProxy({
    address,
    upstream: createDnsUpstream({ resolvers: resolverSource(options.upstreamResolvers) }),
    clientAt: (sourceAddress) => rules.at(sourceAddress),
    isDenied: (answered) => [options.range, ...denied].some((range) => rangeContains(range, answered)),
    log,
  });
}

function resolverSource(configured: readonly string[] | undefined): ReturnType<typeof createResolverList> {
  if (configured === undefined) return createResolverList();
  const resolvers = configured.map((text) => {
    const resolver = parseResolverAddress(text);
    if (resolver === undefined) throw new TypeError(`resolver ${text} is no address, with or without a port`);
    return resolver;
  });
  return () => Promise.resolve(resolvers);
}
