import type { IncomingMessage } from 'node:http';

const NAME = 'token';
/** The page of a terminal and its WebSocket. */
const terminalPath = /^\/terminal(?:\/(?:ws)?)?$/;

/**
 * The key that a request for a terminal has in its query (blaxel wire 2.3): a page can give its WebSocket no header. On no
 * other path does a key count there.
 */
export function terminalKey({ url = '' }: Pick<IncomingMessage, 'url'>, prefix: string): string | undefined {
  const [path = '', query = ''] = url.slice(prefix.length).split('?', 2);
  if (!terminalPath.test(path)) return undefined;
  return new URLSearchParams(query).get(NAME) ?? undefined;
}

/** A path without that key; it is not decoded, for some paths mean something by how they are encoded. */
export function withoutTerminalKey(path: string, prefix: string): string {
  const [before = '', query] = path.split('?', 2);
  if (query === undefined || !terminalPath.test(before.slice(prefix.length))) return path;
  const kept = query.split('&').filter((part) => !part.startsWith(`${NAME}=`));
  return kept.length === 0 ? before : `${before}?${kept.join('&')}`;
}
