import { ApiError } from '@atoll/protocol';
import type { BlaxelSandboxSpec } from '@atoll/protocol';
import type { NetworkRules } from '../../store/sandbox-store.ts';

type Network = NonNullable<BlaxelSandboxSpec['network']>;

const domainLists = ['allowedDomains', 'forbiddenDomains'];
/** What of the parts of a network has a meaning here. */
const known = { proxy: domainLists, firewall: domainLists, egress: ['mode', 'policies'] } as const;

/**
 * Allowed names are all that is allowed; forbidden ones are what is not. The proxy and the firewall of the hosted service
 * have such lists too, of the same meaning: no way leads around our rules. Names that all of several lists allow are for
 * the client to find.
 */
export function toNetworkRules(network: Network | null | undefined): NetworkRules {
  refuseUnsupported(network ?? {});
  const lists = [network, network?.proxy, network?.firewall].filter((part) => part != null);
  const allowed = lists.flatMap(({ allowedDomains }) => (allowedDomains?.length ? [allowedDomains] : []));
  if (allowed.length > 1)
    throw new ApiError('unsupported', 'spec.network has several lists of allowed domains', {
      hint: 'Write those that all of them allow into spec.network.allowedDomains.',
    });
  const denied = lists.flatMap(({ forbiddenDomains }) => forbiddenDomains ?? []);
  return { internet: true, allowOut: allowed[0] ?? [], denyOut: [...new Set(denied)] };
}

function refuseUnsupported({ proxy, firewall, egress }: Network): void {
  for (const [part, fields] of Object.entries({ proxy, firewall, egress })) {
    const names: readonly string[] = known[part as keyof typeof known]; // its names are those of this object
    const other = Object.entries(fields ?? {}).find(
      ([name, value]) => !names.includes(name) && hasContent(value),
    );
    if (other !== undefined) throw unsupported(`${part}.${other[0]}`, ONLY_DOMAINS);
  }
  const modes = [egress?.mode, ...(egress?.policies ?? []).map(({ mode }) => mode)];
  if (modes.some((mode) => hasContent(mode) && mode !== 'shared'))
    throw unsupported('egress.mode', ONLY_SHARED);
}

const ONLY_DOMAINS =
  'Of a network, allowedDomains and forbiddenDomains are; docs/network.md tells what they mean.';
const ONLY_SHARED =
  'Leave it out, or write "shared": sandboxes have no addresses of their own and leave by that of the host.';

const unsupported = (field: string, hint: string): ApiError =>
  new ApiError('unsupported', `spec.network.${field} is not supported by this server`, { hint });

const hasContent = (value: unknown): boolean =>
  typeof value === 'object' && value !== null
    ? Object.keys(value).length > 0
    : value !== undefined && value !== null && value !== '' && value !== false;
