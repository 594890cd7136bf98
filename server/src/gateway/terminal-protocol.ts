import type { IncomingHttpHeaders } from 'node:http';

/** What a page names as the protocol of a terminal's WebSocket, beside the token of the session. */
const PROTOCOL = 'atoll-pty';

/**
 * Pages cannot set headers of a WebSocket, and a token in the URL would be in the logs of proxies: it is named as a
 * protocol. The agent gets it in the header that it knows, and never sees the protocols.
 */
export function readTerminalToken(headers: IncomingHttpHeaders): string | undefined {
  const [protocol, token] = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  return protocol === PROTOCOL && token !== '' ? token : undefined;
}

/** The request's headers as the agent understands them. */
export function withTerminalToken(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const token = readTerminalToken(headers);
  if (token === undefined) return headers;
  const { 'sec-websocket-protocol': _named, ...others } = headers;
  return { ...others, 'x-pty-token': token };
}

/** A browser takes no answer that does not choose one of the protocols it has named. */
export const chosenProtocol = (headers: IncomingHttpHeaders): Record<string, string> =>
  readTerminalToken(headers) === undefined ? {} : { 'sec-websocket-protocol': PROTOCOL };
