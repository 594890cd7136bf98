import type { ApiError, ErrorCode } from '@atoll/protocol';

/** Whether a path belongs to the Blaxel dialect, whose errors have a form of their own. */
export const isBlaxelPath = (url: string): boolean =>
  url.startsWith('/v0/') || /^\/[^/]+\/sandboxes\/[^/]+\/drives\/mount(?=[/?]|$)/.test(url);

/** Whether a path is where tokens are asked for, whose errors are OAuth's (RFC 6749, 5.2; RFC 8628, 3.5). */
export const isTokenPath = (url: string): boolean => /^(?:\/v0)?\/oauth\/token(?:$|\?)/.test(url);

const tokenErrors: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'invalid_client',
  invalid_state: 'invalid_grant',
  conflict: 'authorization_pending',
  not_found: 'expired_token',
  too_many_attempts: 'slow_down',
  invalid_request: 'invalid_request',
  malformed_json: 'invalid_request',
};

/** What waits or has expired is a 400 there, not a status of its own. */
export function tokenError(error: ApiError): { status: number; body: Record<string, unknown> } {
  const status = error.code === 'conflict' || error.code === 'not_found' ? 400 : error.status;
  const name = tokenErrors[error.code] ?? 'server_error';
  return { status, body: { error: name, error_description: error.message } };
}

/** What a create is refused with, in the words that clients know (wire 1.4). */
const createCodes: Partial<Record<ErrorCode, string>> = {
  image_not_found: 'INVALID_IMAGE',
  quota_exceeded: 'QUOTA_EXCEEDED',
};

/** How clients call what these paths make. */
const created: Readonly<Record<string, string>> = {
  '/v0/sandboxes': 'SANDBOX',
  '/v0/volumes': 'VOLUME',
  '/v0/drives': 'DRIVE',
};

/**
 * A status and a body as clients of this dialect read them: they know what is missing or taken by the `code` in the
 * body, not by the status. A sandbox whose image is missing is not itself missing.
 */
export function blaxelError(
  error: ApiError,
  { method, url, requestId }: { method: string; url: string; requestId: string },
): { status: number; body: Record<string, unknown> } {
  const path = url.split('?', 1)[0];
  const status = error.code === 'image_not_found' && path?.startsWith('/v0/sandboxes') ? 400 : error.status;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  const kind = method === 'POST' && path !== undefined ? created[path] : undefined;
  if (kind !== undefined) {
    const isTaken = error.code === 'name_taken';
    const code = isTaken ? `${kind}_ALREADY_EXISTS` : (createCodes[error.code] ?? error.code.toUpperCase());
    const body = { code, error: error.message, message: error.message, status_code: status, ...hint };
    return { status, body: { ...body, timestamp: new Date().toISOString(), request_id: requestId } };
  }
  const name = error.code === 'invalid_api_version' ? error.code : error.message;
  return {
    status,
    body: { code: status, error: name, message: error.message, ...hint, request_id: requestId },
  };
}
