import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { hopByHop, isolatingHeaders, namedByConnection } from './headers.ts';

/** What the server in a sandbox is told of the client, in the usual words. */
export interface Forwarded {
  /** Address of the client. */
  address: string;
  /** Host as the client asked for it. */
  host: string;
  proto: string;
  /** What of the client's path stands before the path that the server in the sandbox sees. */
  prefix: string;
  /** Whether the key in the request was ours: a key never reaches a sandbox. */
  isOurKey: boolean;
}

/** Keys, addressing and claims that only a proxy can make. `Expect` is answered by this hop. */
const ours = ['x-atoll-token', 'forwarded', 'x-real-ip', 'expect', 'host'];
const ourPrefixes = ['x-forwarded-', 'x-tensorlake-', 'x-blaxel-', ':'];
const neverSent = new Set([...hopByHop, ...ours]);

/** Names of cookies that mean something to this server alone. */
const isOurCookie = (cookie: string): boolean =>
  /^\s*((__(host|secure)-)?atoll[_=-]|bl_preview_token=)/i.test(cookie);

/** What the server in a sandbox gets of a request's headers. */
export function portRequestHeaders(headers: IncomingHttpHeaders, forwarded: Forwarded): OutgoingHttpHeaders {
  const hop = namedByConnection(headers);
  const kept = Object.entries(headers).filter(
    ([name]) =>
      !neverSent.has(name) &&
      !hop.has(name) &&
      !ourPrefixes.some((prefix) => name.startsWith(prefix)) &&
      !(name === 'authorization' && forwarded.isOurKey) &&
      name !== 'cookie',
  );
  const frame = headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
  return {
    ...Object.fromEntries(kept),
    ...cookiesOf(headers, forwarded),
    ...frame,
    host: forwarded.host,
    'x-forwarded-for': forwarded.address,
    'x-forwarded-host': forwarded.host,
    'x-forwarded-proto': forwarded.proto,
    ...(forwarded.prefix !== '' && { 'x-forwarded-prefix': forwarded.prefix }),
  };
}

/** Below a path, all cookies are those of the server's own origin. */
function cookiesOf({ cookie }: IncomingHttpHeaders, { prefix }: Forwarded): { cookie?: string } {
  if (cookie === undefined || prefix !== '') return {};
  const kept = cookie.split(';').filter((each) => !isOurCookie(each));
  return kept.length === 0 ? {} : { cookie: kept.join(';').trim() };
}

/** What a browser would apply to more than the page: to the name of the host on every port, or to its whole domain. */
const neverAnswered = new Set([
  ...hopByHop,
  'strict-transport-security',
  'clear-site-data',
  'alt-svc',
  'nel',
  'report-to',
  'reporting-endpoints',
]);

/** What it would apply to the server's origin: below a path, that is shared with the API and with other sandboxes. */
const neverAnsweredBelowPath = new Set([
  'set-cookie',
  'www-authenticate',
  'service-worker-allowed',
  'refresh',
  'access-control-allow-credentials',
]);

/** What the client gets of an answer's headers. */
export function portResponseHeaders(headers: IncomingHttpHeaders, prefix: string): OutgoingHttpHeaders {
  const hop = namedByConnection(headers);
  const kept = Object.entries(headers).filter(
    ([name]) =>
      !neverAnswered.has(name) &&
      !hop.has(name) &&
      !name.startsWith(':') &&
      !(prefix !== '' && neverAnsweredBelowPath.has(name)),
  );
  const answered: OutgoingHttpHeaders = Object.fromEntries(kept);
  if (headers['set-cookie'] !== undefined && prefix === '')
    answered['set-cookie'] = headers['set-cookie'].flatMap(ownCookie);
  return prefix === '' ? answered : { ...answered, ...belowPath(headers, prefix) };
}

function belowPath(headers: IncomingHttpHeaders, prefix: string): OutgoingHttpHeaders {
  return {
    ...isolatingHeaders(headers),
    // Scripts and fonts of a page without an origin are fetched across origins.
    'access-control-allow-origin': headers['access-control-allow-origin'] ?? '*',
    ...(headers.location !== undefined && { location: relocate(headers.location, prefix) }),
  };
}

/** A redirect to a path of the server in the sandbox is one below the prefix for the client. */
const relocate = (location: string, prefix: string): string =>
  /^\/(?![/\\])/.test(location) ? `${prefix}${location}` : location;

/** A cookie for the page's own host: one for a whole domain would reach other sandboxes and this server. */
function ownCookie(cookie: string): string[] {
  if (isOurCookie(cookie)) return [];
  const [pair = '', ...attributes] = cookie.split(';');
  return [[pair, ...attributes.filter((each) => !/^\s*domain\s*(=|$)/i.test(each))].join(';')];
}
