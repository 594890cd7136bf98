import type { IncomingMessage } from 'node:http';
import { withoutParameter } from './query.ts';

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

/** A path without that key. */
export function withoutTerminalKey(path: string, prefix: string): string {
  const [before = ''] = path.split('?', 1);
  return terminalPath.test(before.slice(prefix.length)) ? withoutParameter(path, NAME) : path;
}
