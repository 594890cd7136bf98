import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** Headers of one hop (RFC 9110, 7.6.1). */
export const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/** Where the body ends and whom the request is for: `Connection` cannot take these off (RFC 9110, 7.6.1). */
const endToEnd = new Set(['content-length', 'host', 'cache-control']);

/** Ours: keys and addressing never reach a sandbox, and nobody but the gateway sets its token. */
const ours = [
  'authorization',
  'cookie',
  'x-atoll-token',
  'x-blaxel-authorization',
  'x-blaxel-workspace',
  'x-blaxel-preview-token',
  // The address of a page may hold a key or a token.
  'referer',
  'x-tensorlake-sandbox-id',
  'x-tensorlake-route-hint',
  'x-forwarded-organization-id',
  'x-forwarded-project-id',
  // Claims about the client that only a proxy in front of the server could make.
  'forwarded',
  'x-real-ip',
];

/** What a browser would apply to the server's whole origin, or take as the server's own word. */
const ofTheOrigin = [
  'set-cookie',
  'clear-site-data',
  'strict-transport-security',
  'alt-svc',
  'nel',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'refresh',
  'access-control-allow-credentials',
  'access-control-expose-headers',
];

const droppedFromAnswers = new Set([...hopByHop, ...ofTheOrigin]);

const dropped = new Set([...hopByHop, ...ours]);

/** What `Connection` names: headers of this hop alone. */
export const namedByConnection = (headers: IncomingHttpHeaders): Set<string> =>
  new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())).difference(
    endToEnd,
  );

/**
 * What the agent gets of a request's headers. A body that came in chunks leaves in chunks, whatever the method: without
 * a frame of its own it would be read as the next request.
 */
export function requestHeaders(headers: IncomingHttpHeaders, token: string): OutgoingHttpHeaders {
  const hop = namedByConnection(headers);
  const kept = Object.entries(headers).filter(
    ([name]) => !dropped.has(name) && !hop.has(name) && !name.startsWith('x-forwarded-'),
  );
  const frame = headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
  return { ...Object.fromEntries(kept), ...frame, 'x-atoll-token': token };
}

/** What the client gets of an answer's headers. */
export function responseHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const hop = namedByConnection(headers);
  const kept = Object.entries(headers).filter(([name]) => !droppedFromAnswers.has(name) && !hop.has(name));
  return { ...Object.fromEntries(kept), ...isolatingHeaders(headers), ...corsHeaders };
}

const SANDBOX_POLICY =
  'sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads allow-pointer-lock';

/**
 * Root in a sandbox can answer with any page, also in the agent's place, and anybody can be led to it by a link with a
 * token. Such a page gets an origin that nobody shares: without `allow-same-origin` it can read neither the API's
 * answers nor its cookies, and speaks for no browser that is logged in.
 */
export const isolatingHeaders = (headers: IncomingHttpHeaders): OutgoingHttpHeaders => ({
  // Policies in one header apply together, each as far as it goes.
  'content-security-policy': [headers['content-security-policy'] ?? [], SANDBOX_POLICY].flat().join(', '),
  'x-content-type-options': 'nosniff',
});

/** Any origin may drive a sandbox: the key is the guard, and browsers do not add it by themselves (wire 2). */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': '*, Authorization',
  'access-control-max-age': '86400',
} as const;
