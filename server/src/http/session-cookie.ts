/** Pages send it with every call. A page of another origin cannot, unless this server lets it, which it never does. */
export const CONSOLE_HEADER = 'x-atoll-console';

/** Cookies of one host reach every port of it, so servers on one machine have names of their own. */
const cookieName = (host: string): string => `atoll_session_${/:(\d+)$/.exec(host)?.[1] ?? 'default'}`;

/** A header of the request, by its name in lower case. */
type Header = (name: string) => string | undefined;

/** The session that a browser sends by itself, where this server's own page made it do so. */
export function sessionOf(header: Header): string | undefined {
  if (!isOwnPage(header)) return undefined;
  const prefix = `${cookieName(header('host') ?? '')}=`;
  const cookies = (header('cookie') ?? '').split(';').map((cookie) => cookie.trim());
  return cookies.find((cookie) => cookie.startsWith(prefix))?.slice(prefix.length);
}

/**
 * Browsers add cookies to what any page of the same site asks for, and a server in a sandbox on another port of this
 * host is of the same site. A WebSocket cannot bear a header, but always says where it comes from.
 */
function isOwnPage(header: Header): boolean {
  const site = header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return false;
  if (header('upgrade') === undefined) return header(CONSOLE_HEADER) !== undefined;
  const origin = header('origin');
  return origin !== undefined && URL.parse(origin)?.host === header('host');
}

/** What makes a browser keep a session, or with no seconds left forget it. */
export function sessionCookie(baseUrl: string, host: string, value: string, maxAgeSecs: number): string {
  const attributes = ['HttpOnly', 'SameSite=Strict', 'Path=/', `Max-Age=${maxAgeSecs}`];
  if (baseUrl.startsWith('https:')) attributes.push('Secure');
  return [`${cookieName(host)}=${value}`, ...attributes].join('; ');
}
