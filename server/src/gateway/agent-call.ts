import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { ApiError } from '@atoll/protocol';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { connectBulk } from '../lib/bulk-socket.ts';
import { requestHeaders } from './headers.ts';
import { watchConnect } from './proxy.ts';
import { withTerminalToken } from './terminal-protocol.ts';

/** The handshake of a client's WebSocket, passed on to the agent. */
export function callAgent(
  request: IncomingMessage,
  endpoint: SlotEndpoint,
  token: string,
  path: string,
): ClientRequest {
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined)
    throw new ApiError('invalid_request', 'a WebSocket handshake has no body');
  const headers = requestHeaders(withTerminalToken(request.headers), token);
  const call = httpRequest({
    createConnection: () => connectBulk({ host: endpoint.host, port: endpoint.port }),
    path,
    headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
    setHost: false,
  });
  watchConnect(call);
  return call;
}
