import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ApiError } from '@atoll/protocol';
import type { ErrorCode } from '@atoll/protocol';
import { retryAfter } from '../lib/retry-after.ts';
import type { Log } from '../lib/log.ts';

interface Platform {
  code: string;
  status: number;
  retryable: boolean;
}

const unavailable: Platform = { code: 'WORKLOAD_UNAVAILABLE', status: 404, retryable: true };

/** What clients of the Blaxel dialect know (wire 1.4); everything else goes by its status. */
const known: Partial<Record<ErrorCode, Platform>> = {
  sandbox_not_found: { code: 'WORKLOAD_NOT_FOUND', status: 404, retryable: false },
  sandbox_ended: { code: 'WORKLOAD_NOT_FOUND', status: 404, retryable: false },
  sandbox_not_running: unavailable,
  connection_refused: unavailable,
  not_found: { code: 'WORKSPACE_NOT_FOUND', status: 404, retryable: false },
  route_not_found: { code: 'ROUTE_NOT_FOUND', status: 404, retryable: false },
  unauthenticated: { code: 'AUTHENTICATION_REQUIRED', status: 401, retryable: false },
  body_too_large: { code: 'REQUEST_ENTITY_TOO_LARGE', status: 413, retryable: false },
};

function platformOf({ code, status }: ApiError): Platform {
  const fallback = status === 403 ? 'FORBIDDEN' : status < 500 ? 'BAD_REQUEST' : code.toUpperCase();
  return known[code] ?? { code: fallback, status, retryable: status === 503 };
}

/** Tells a client of the Blaxel dialect that this server, not the sandbox, refuses its request. */
export function replyPlatformError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  log: Log,
  headers: OutgoingHttpHeaders,
): void {
  if (!(error instanceof ApiError))
    log.error({ err: error, path: request.url?.split('?')[0] }, 'gateway failed');
  const shown = error instanceof ApiError ? error : new ApiError('internal', 'the gateway failed');
  if (response.headersSent || response.destroyed) return void response.destroy();
  const { code, status, retryable } = platformOf(shown);
  const body = {
    error: {
      code,
      message: shown.message,
      status,
      retryable,
      ...(shown.hint !== undefined && { action: shown.hint }),
      origin: 'platform',
      timestamp: new Date().toISOString(),
    },
  };
  // The body of a refused request is not read to its end, so the connection cannot be used again.
  const close = request.complete ? {} : { connection: 'close' };
  const again = retryAfter(status);
  const source = { 'x-blaxel-source': 'platform', 'x-blaxel-error-code': code };
  response.writeHead(status, {
    'content-type': 'application/json',
    ...again,
    ...headers,
    ...source,
    ...close,
  });
  response.end(JSON.stringify(body));
}
