import type { Log } from '../lib/log.ts';
import { createDnsProxy } from './dns-proxy.ts';
import type { DnsProxy } from './dns-proxy.ts';
import { createDnsUpstream } from './dns-upstream.ts';
import type { DnsUpstream } from './dns-upstream.ts';
import type { Egress } from './egress.ts';
import { createResolverList, parseResolverAddress } from './resolver-list.ts';

export interface SandboxResolverOptions {
  address: string;
  upstream: DnsUpstream;
  egress: Egress;
  log: Log;
}

/** The resolver on the address that all sandboxes of the instance have in their resolv.conf. */
export function openSandboxResolver(options: SandboxResolverOptions): Promise<DnsProxy> {
  const { address, upstream, egress, log } = options;
  return createDnsProxy({ address, upstream, clientAt: egress.clientAt, log });
}

/** The resolvers that names are forwarded to: those given, else the host's. */
export function createUpstream(configured: readonly string[] | undefined): DnsUpstream {
  return createDnsUpstream({ resolvers: resolverSource(configured) });
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
