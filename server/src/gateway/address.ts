import { ApiError } from '@atoll/protocol';
import type { IncomingMessage } from 'node:http';

/** What a request is addressed to, read from its Host and X-Tensorlake-Sandbox-Id (tensorlake wire 0.2.7, 1.1). */
export type Address = { kind: 'server' } | { kind: 'sandbox'; identifier: string };

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Hosts of the server itself among the names below the base domain (cloud mode of the clients). */
const ownLabels = new Set(['api', 'sandbox', 'www']);

/**
 * Reads addresses. A sandbox is `{id|name}.local`, `{id|name}.localhost`, or `{id|name}` below the base domain
 * or below `sandbox.` of it.
 */
export function createAddressReader({ baseDomain }: { baseDomain?: string }) {
  const suffixes = [
    '.local',
    '.localhost',
    ...(baseDomain ? [`.sandbox.${baseDomain}`, `.${baseDomain}`] : []),
  ];

  const fromHost = (host: string | undefined): string | undefined => {
    const name = host?.toLowerCase().replace(/:\d+$/, '');
    const suffix = suffixes.find((candidate) => name?.endsWith(candidate));
    if (name === undefined || suffix === undefined) return undefined;
    const identifier = name.slice(0, -suffix.length);
    return label.test(identifier) && !ownLabels.has(identifier) ? identifier : undefined;
  };

  return (request: IncomingMessage): Address => {
    const byHost = fromHost(request.headers.host);
    const header = request.headers['x-tensorlake-sandbox-id'];
    const byHeader = typeof header === 'string' && header !== '' ? header : undefined;
    const identifier = byHost ?? byHeader;
    return identifier === undefined ? { kind: 'server' } : { kind: 'sandbox', identifier };
  };
}

/** Both spellings may be given, as a name and an id; they must mean the same sandbox. */
export function namesBoth(request: IncomingMessage, identifier: string): string | undefined {
  const header = request.headers['x-tensorlake-sandbox-id'];
  if (Array.isArray(header))
    throw new ApiError('conflicting_sandbox_ids', 'X-Tensorlake-Sandbox-Id is given twice');
  return header === undefined || header === '' || header === identifier ? undefined : header;
}
