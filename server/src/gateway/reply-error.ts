import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ApiError } from '@atoll/protocol';
import { retryAfter } from '../lib/retry-after.ts';
import type { Log } from '../lib/log.ts';

/** Tells a client why its request for a sandbox failed. Codes are upper case on the data plane (wire 2.9). */
export function replyError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  log: Log,
  headers: OutgoingHttpHeaders = {},
): void {
  if (!(error instanceof ApiError))
    log.error({ err: error, path: request.url?.split('?')[0] }, 'gateway failed');
  const shown = error instanceof ApiError ? error : new ApiError('internal', 'the gateway failed');
  if (response.headersSent || response.destroyed) return void response.destroy();
  const body = {
    error: shown.message,
    code: shown.code.toUpperCase(),
    message: shown.message,
    hint: shown.hint,
  };
  // The body of a refused request is not read to its end, so the connection cannot be used again.
  const close = request.complete || request.httpVersionMajor > 1 ? {} : { connection: 'close' };
  const again = retryAfter(shown.status);
  response.writeHead(shown.status, { 'content-type': 'application/json', ...again, ...headers, ...close });
  response.end(JSON.stringify(body));
}
