import { ApiError } from '@atoll/protocol';
import type { BlaxelSandboxSpec } from '@atoll/protocol';
import type { NetworkRules } from '../../store/sandbox-store.ts';

type Network = NonNullable<BlaxelSandboxSpec['network']>;

/** What of the network, its proxy and its firewall has a meaning here. */
const domainLists = ['allowedDomains', 'forbiddenDomains'] as const;

/**
 * Allowed names are all that is allowed; forbidden ones are what is not. The proxy and the firewall of the hosted service
 * have such lists too, of the same meaning: no way leads around our rules. Names that all of several lists allow are for
 * the client to find.
 */
export function toNetworkRules(network: Network | null | undefined): NetworkRules {
  const parts = { network, 'network.proxy': network?.proxy, 'network.firewall': network?.firewall };
  refuseUnsupported({ ...parts, 'network.egress': network?.egress });
  const lists = [network, network?.proxy, network?.firewall].filter((part) => part != null);
  const allowed = lists.flatMap(({ allowedDomains }) => (allowedDomains?.length ? [allowedDomains] : []));
  if (allowed.length > 1)
    throw new ApiError('unsupported', 'spec.network has several lists of allowed domains', {
      hint: 'Write those that all of them allow into spec.network.allowedDomains.',
    });
  const denied = lists.flatMap(({ forbiddenDomains }) => forbiddenDomains ?? []);
  return { internet: true, allowOut: allowed[0] ?? [], denyOut: [...new Set(denied)] };
}

function refuseUnsupported(parts: Record<string, object | null | undefined>): void {
  for (const [path, part] of Object.entries(parts)) {
    const lists: readonly string[] = path === 'network.egress' ? [] : domainLists;
    const others = path === 'network' ? [] : Object.entries(part ?? {});
    const field = others.find(([name, value]) => !lists.includes(name) && hasContent(value))?.[0];
    if (field === undefined) continue;
    throw new ApiError('unsupported', `spec.${path}.${field} is not supported by this server`, {
      hint: 'Of a network, allowedDomains and forbiddenDomains are; docs/network.md tells what they mean.',
    });
  }
}

const hasContent = (value: unknown): boolean =>
  typeof value === 'object' && value !== null
    ? Object.keys(value).length > 0
    : value !== undefined && value !== null && value !== '' && value !== false;
