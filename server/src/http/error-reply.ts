import { ApiError } from '@atoll/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { retryAfter } from '../lib/retry-after.ts';
import { blaxelError, isBlaxelPath, isTokenPath, tokenError } from './blaxel/error-body.ts';

/** The body of every error (tensorlake wire 1.3). */
export interface ErrorBody {
  error: string;
  code: string;
  message: string;
  hint?: string;
  request_id: string;
}

/** Errors of the HTTP kernel that a client has caused. */
const kernelErrors: Record<string, ApiError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new ApiError('body_too_large', 'the body is larger than 1 MiB'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new ApiError(
    'invalid_request',
    'the body and its Content-Length do not agree',
  ),
  FST_ERR_BAD_URL: new ApiError('invalid_request', 'the path is not a valid URL path'),
  ERR_INVALID_URI: new ApiError('invalid_request', 'the path is not a valid URL path'),
};

/** What a client may see of an error: anything unforeseen is `internal`, and its cause stays in the log. */
export function publicError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (
    kernelErrors[code] ??
    new ApiError('internal', 'the server failed to answer this request', { cause: error })
  );
}

export function sendError(
  reply: FastifyReply,
  error: ApiError,
  { id: requestId, method, url }: Pick<FastifyRequest, 'id' | 'method' | 'url'>,
): FastifyReply {
  void reply.headers(retryAfter(error.status));
  if (isTokenPath(url)) {
    const { status, body } = tokenError(error);
    return reply.code(status).send(body);
  }
  if (isBlaxelPath(url)) {
    const { status, body } = blaxelError(error, { method, url, requestId });
    return reply.code(status).send(body);
  }
  const body: ErrorBody = {
    error: error.message,
    code: error.code,
    message: error.message,
    ...(error.hint !== undefined && { hint: error.hint }),
    request_id: requestId,
  };
  return reply.code(error.status).send(body);
}
