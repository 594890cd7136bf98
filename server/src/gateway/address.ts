import { ApiError } from '@atoll/protocol';
import type { IncomingMessage } from 'node:http';

/** What a request is addressed to, read from its Host and X-Tensorlake-Sandbox-Id (tensorlake wire 0.2.7, 1.1). */
export type Address = { kind: 'server' } | { kind: 'sandbox'; identifier: string };

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Hosts of the server itself among the names below the base domain (cloud mode of the clients). */
const ownLabels: ReadonlySet<string> = new Set(['api', 'sandbox', 'www']);
const noLabels: ReadonlySet<string> = new Set();

interface Suffix {
  suffix: string;
  /** Names below it that are not sandboxes. */
  own: ReadonlySet<string>;
}

/**
 * Reads addresses. A sandbox is `{id|name}.local`, `{id|name}.localhost`, or `{id|name}` below the base domain
 * or below `sandbox.` of it.
 */
export function createAddressReader({ baseDomain }: { baseDomain?: string }) {
  const suffixes = suffixesOf(baseDomain);

  const fromHost = (host: string | undefined): string | undefined => {
    const name = host?.toLowerCase().replace(/:\d+$/, '');
    const found = suffixes.find(({ suffix }) => name?.endsWith(suffix));
    if (name === undefined || name === baseDomain || found === undefined) return undefined;
    const identifier = name.slice(0, -found.suffix.length);
    return label.test(identifier) && !found.own.has(identifier) ? identifier : undefined;
  };

  return (request: IncomingMessage): Address => {
    const byHost = fromHost(request.headers.host);
    const header = request.headers['x-tensorlake-sandbox-id'];
    const byHeader = typeof header === 'string' && header !== '' ? header : undefined;
    const identifier = byHost ?? byHeader;
    return identifier === undefined ? { kind: 'server' } : { kind: 'sandbox', identifier };
  };
}

/** The longest first: a base domain may itself end in `.local`, and what is below it is below it alone. */
function suffixesOf(baseDomain: string | undefined): Suffix[] {
  const always = ['.local', '.localhost'].map((suffix) => ({ suffix, own: noLabels }));
  if (baseDomain === undefined) return always;
  return [
    { suffix: `.sandbox.${baseDomain}`, own: noLabels },
    { suffix: `.${baseDomain}`, own: ownLabels },
    ...always.filter(({ suffix }) => suffix !== `.${baseDomain}`),
  ];
}

/** Both spellings may be given, as a name and an id; they must mean the same sandbox. */
export function namesBoth(request: IncomingMessage, identifier: string): string | undefined {
  const headers = request.headersDistinct['x-tensorlake-sandbox-id'] ?? [];
  if (headers.length > 1)
    throw new ApiError('conflicting_sandbox_ids', 'X-Tensorlake-Sandbox-Id is given twice');
  const [header] = headers;
  return header === undefined || header === '' || header === identifier ? undefined : header;
}
