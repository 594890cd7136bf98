import { ApiError } from '@atoll/protocol';
import { pause } from '../../lib/deadline.ts';
import { createRemoteConnections } from './remote-connection.ts';
import type { RemoteConnections } from './remote-connection.ts';

export interface RemoteLimits {
  /** Until the head of an answer is there. */
  headTimeoutMs: number;
  /** Without a byte of a body. */
  idleTimeoutMs: number;
  /** One entry per further attempt. */
  retryPausesMs: readonly number[];
  /** A registry that asks for more patience than this is given up on. */
  maxRetryAfterMs: number;
  /** Whole pull. */
  timeoutMs: number;
  maxImageBytes: number;
}

export const defaultRemoteLimits: RemoteLimits = {
  headTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  retryPausesMs: [500, 1500, 4000, 8000],
  maxRetryAfterMs: 60_000,
  timeoutMs: 60 * 60_000,
  maxImageBytes: 128 * 1024 ** 3,
};

export interface RemoteRequest {
  /** Host and port that the reference names: the one that may be private. */
  namedHost: string;
  headers?: Record<string, string>;
  method?: string;
  body?: string;
  signal: AbortSignal;
}

export type RemoteHttp = ReturnType<typeof createRemoteHttp>;

const MAX_REDIRECTS = 5;

/** A failure of the way to a registry; worth another attempt. */
export class ConnectionFailure extends Error {}

/** Requests with deadlines, redirects and retries, for registries that hang, stumble or send elsewhere. */
export function createRemoteHttp(
  limits: RemoteLimits,
  mayBePlain: (host: string) => boolean,
  isConfigured: (host: string) => boolean,
) {
  const connect = createRemoteConnections();
  const verifyUrl = (url: URL): void => {
    if (url.protocol === 'https:' || (url.protocol === 'http:' && mayBePlain(url.host))) return;
    throw new ApiError('registry_failed', `refusing to talk to ${url.origin}: it is not encrypted`, {
      hint: 'Plain HTTP is for registries on this machine, or named by `atoll server --insecure-registry HOST`.',
    });
  };
  /** Follows redirects; a key for one host is never shown to another. */
  const follow = async (first: URL, request: RemoteRequest): Promise<RemoteResponse> => {
    let url = first;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      verifyUrl(url);
      const isNamed = url.host === request.namedHost || isConfigured(url.host);
      const { authorization: _, ...others } = request.headers ?? {};
      const headers = url.origin === first.origin ? (request.headers ?? {}) : others;
      const response = await attempt(connect, url, isNamed, { ...request, headers }, limits);
      const location = response.head.headers.get('location');
      if (![301, 302, 303, 307, 308].includes(response.head.status) || location === null) return response;
      await response.discard();
      // What is posted are credentials.
      if (request.body !== undefined)
        throw new ApiError('registry_failed', `${url.host} sends credentials on to another place`);
      url = new URL(location, url);
    }
    throw new ApiError('registry_failed', `${first.host} redirects more than ${MAX_REDIRECTS} times`);
  };
  return {
    limits,
    /** Any answer but those that say “later”; those are asked for again. */
    send: async (url: URL, request: RemoteRequest): Promise<RemoteResponse> => {
      for (const pauseMs of [...limits.retryPausesMs, undefined]) {
        const outcome = await follow(url, request).catch((error: unknown) => {
          if (error instanceof ConnectionFailure && pauseMs !== undefined) return error;
          throw error instanceof ConnectionFailure ? unreachable(url, error) : error;
        });
        if (!(outcome instanceof ConnectionFailure) && !isLater(outcome.head.status)) return outcome;
        if (outcome instanceof ConnectionFailure) await pause(pauseMs ?? 0, request.signal);
        else await waitAsAsked(outcome, url, pauseMs, limits, request.signal);
        request.signal.throwIfAborted();
      }
      throw unreachable(url, undefined);
    },
  };
}

const isLater = (status: number): boolean => status === 429 || status >= 500;

async function waitAsAsked(
  response: RemoteResponse,
  url: URL,
  pauseMs: number | undefined,
  limits: RemoteLimits,
  signal: AbortSignal,
): Promise<void> {
  const { status, headers } = response.head;
  await response.discard();
  const askedMs = retryAfterMs(headers.get('retry-after'));
  if (pauseMs === undefined || askedMs > limits.maxRetryAfterMs) {
    const hint =
      status === 429 ? 'The registry limits how often it is asked: log in, or try later.' : undefined;
    throw new ApiError(
      'registry_failed',
      `${url.host} answers ${status}`,
      hint === undefined ? {} : { hint },
    );
  }
  await pause(Math.max(pauseMs, askedMs), signal);
}

/** Seconds, or a date. */
function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now());
}

const unreachable = (url: URL, cause: unknown): ApiError =>
  new ApiError('registry_failed', `${url.host} cannot be reached: ${reasonOf(cause)}`, { cause });

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return 'it does not answer';
  return 'code' in cause && typeof cause.code === 'string'
    ? `${cause.message} (${cause.code})`
    : cause.message;
}

export interface RemoteResponse {
  head: Response;
  /** The body; ends with a ConnectionFailure when nothing comes for too long. */
  chunks(): AsyncGenerator<Buffer>;
  /** At most so much of the body. */
  text(maxBytes: number): Promise<Buffer>;
  discard(): Promise<void>;
}

async function attempt(
  connect: RemoteConnections,
  url: URL,
  isNamed: boolean,
  request: RemoteRequest,
  limits: RemoteLimits,
): Promise<RemoteResponse> {
  const cut = new AbortController();
  const { signal } = request;
  const watch = (ms: number) => setTimeout(() => cut.abort(new Error(`no answer within ${ms} ms`)), ms);
  const timer = watch(limits.headTimeoutMs);
  try {
    const head = await connect(url, isNamed, {
      method: request.method ?? 'GET',
      headers: { 'user-agent': 'atoll', 'accept-encoding': 'identity', ...request.headers },
      ...(request.body !== undefined && { body: request.body }),
      signal: AbortSignal.any([signal, cut.signal]),
    });
    return toResponse(head, url, cut, watch, limits, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError) throw error;
    throw new ConnectionFailure(`${url.host} does not answer`, { cause: cut.signal.reason ?? error });
  } finally {
    clearTimeout(timer);
  }
}

function toResponse(
  head: Response,
  url: URL,
  cut: AbortController,
  watch: (ms: number) => NodeJS.Timeout,
  limits: RemoteLimits,
  signal: AbortSignal,
): RemoteResponse {
  async function* chunks(): AsyncGenerator<Buffer> {
    let timer = watch(limits.idleTimeoutMs);
    try {
      for await (const chunk of head.body ?? []) {
        clearTimeout(timer);
        yield Buffer.from(chunk);
        timer = watch(limits.idleTimeoutMs);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw new ConnectionFailure(`${url.host} broke off`, { cause: cut.signal.reason ?? error });
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    head,
    chunks,
    async text(maxBytes) {
      const parts: Buffer[] = [];
      let size = 0;
      for await (const chunk of chunks()) {
        size += chunk.length;
        if (size > maxBytes) {
          throw new ApiError('registry_failed', `${url.host} sends more than ${maxBytes} bytes of JSON`);
        }
        parts.push(chunk);
      }
      return Buffer.concat(parts);
    },
    discard: async () => {
      await head.body?.cancel().catch(() => {});
    },
  };
}
