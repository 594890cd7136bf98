import { HttpError } from '@atoll/protocol';

/** Anything that the SDK throws on its own account. `hint` says what to do next. */
export class SandboxError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(message, { cause: options.cause });
    this.name = 'SandboxError';
    this.hint = options.hint;
  }
}

/** The server could not be reached, stopped answering, or closed a stream before its end. The reason is in `cause`. */
export class SandboxConnectionError extends SandboxError {
  constructor(message: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(message, options);
    this.name = 'SandboxConnectionError';
  }
}

/** No sandbox has this id or name in the workspace. */
export class SandboxNotFoundError extends SandboxError {
  readonly sandboxId: string;

  constructor(sandboxId: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(`Sandbox not found: ${sandboxId}`, options);
    this.name = 'SandboxNotFoundError';
    this.sandboxId = sandboxId;
  }
}

/** No pool has this id in the workspace. */
export class PoolNotFoundError extends SandboxError {
  readonly poolId: string;

  constructor(poolId: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(`Pool not found: ${poolId}`, options);
    this.name = 'PoolNotFoundError';
    this.poolId = poolId;
  }
}

/** A pool cannot be deleted while sandboxes that were claimed from it live. */
export class PoolInUseError extends SandboxError {
  readonly poolId: string;

  constructor(poolId: string, message: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(message, options);
    this.name = 'PoolInUseError';
    this.poolId = poolId;
  }
}

/** The server, or the agent in the sandbox, refused a request. */
export class RemoteAPIError extends SandboxError {
  /** HTTP status, e.g. 409. */
  readonly statusCode: number;
  /** What the server says about it, without the JSON around it. */
  readonly responseMessage: string;
  /** The code in the server's error table, e.g. `name_taken`. */
  readonly code: string | undefined;
  /** The id to look for in the server's log. */
  readonly requestId: string | undefined;
  /** The body as it came. */
  readonly responseBody: string;

  constructor(statusCode: number, responseBody: string, options: { cause?: unknown } = {}) {
    const { message, code, hint, requestId } = readBody(responseBody);
    super(`${message === '' ? 'the server gave no reason' : message} (HTTP ${statusCode})`, {
      ...options,
      hint,
    });
    this.name = 'RemoteAPIError';
    this.statusCode = statusCode;
    this.responseMessage = message;
    this.code = code;
    this.requestId = requestId;
    this.responseBody = responseBody;
  }
}

interface ErrorBody {
  message: string;
  code?: string | undefined;
  hint?: string | undefined;
  requestId?: string | undefined;
}

/** Bodies are `{error, code, message, hint?, request_id?}`; proxies in between may send anything. */
function readBody(body: string): ErrorBody {
  const fields = parseObject(body);
  if (fields === undefined) return { message: body.trim().slice(0, 2000) };
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : undefined);
  return {
    message: text('message') ?? text('error') ?? body,
    code: text('code'),
    hint: text('hint'),
    requestId: text('request_id'),
  };
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Turns whatever a request threw into an error of this module; aborts pass through as they are. */
export function toSandboxError(error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof SandboxError || signal?.aborted) return error;
  if (error instanceof HttpError) return new RemoteAPIError(error.status, error.body, { cause: error });
  if (error instanceof TypeError) return connectionError(error);
  return new SandboxError(`the server's answer could not be read: ${messageOf(error)}`, { cause: error });
}

/** What `fetch` throws says little; the reason is in its chain of causes. */
export function connectionError(error: unknown, hint?: string): SandboxConnectionError {
  const reasons = new Set(causesOf(error).map(messageOf));
  return new SandboxConnectionError(`the connection failed: ${[...reasons].join(': ')}`, {
    cause: error,
    hint,
  });
}

/** An error and the chain of its causes. */
export function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let at = error; at !== undefined && at !== null && causes.length < 8;) {
    causes.push(at);
    at = at instanceof Error ? at.cause : undefined;
  }
  return causes;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
