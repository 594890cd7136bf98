import { createClient } from '@atoll/protocol';
import type { Route, RouteAnswer, RouteCall } from '@atoll/protocol';
import { connectionError, SandboxConnectionError, SandboxError, toSandboxError } from './errors.ts';
import { isConnectError, isRepeatable, isWorthRetrying, retry, retryPausesMs } from './retry.ts';

/** One attempt of a request, for debugging. Never holds keys or bodies. */
export interface RequestTrace {
  method: string;
  /** Secrets in the query are replaced. */
  url: string;
  /** Absent where no answer came. */
  status?: number;
  /** Until the head of the answer was there. */
  durationMs: number;
  /** Where the server spent it, in milliseconds by part, in the order in which the parts ended (`Server-Timing`). */
  stages?: { name: string; ms: number }[];
}

export interface TransportOptions {
  baseUrl: string;
  apiKey: string | undefined;
  headers: Record<string, string>;
  /** Whether the session of a browser stands in the place of a key. */
  session?: boolean;
  /** Calls that answer at once have to answer within this. */
  requestTimeoutMs: number;
  onRequest?: ((trace: RequestTrace) => void) | undefined;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Instead of the transport's own. */
  timeoutMs?: number | undefined;
  rawBody?: NonNullable<RequestInit['body']>;
  /** False where the body can be read only once. */
  repeatable?: boolean;
  /** Seconds for which the server may wait for the result, where it would answer that the work has begun. */
  preferredWaitSecs?: number;
}

/** Calls routes with the retries, deadlines and errors of the SDK. */
export interface Transport {
  call<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<RouteAnswer<R>>;
  /** The response as it comes, without a deadline: it ends when the server, the reader or the signal ends it. */
  stream<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<Response>;
}

/** The server gives up this much earlier than the client, so that its own error arrives. */
const graceMs = 5_000;
/** Node's fetch gives up on a silent server after 300 s; the server has to answer before. */
const longestBoundMs = 290_000;

export function createTransport(options: TransportOptions): Transport {
  const client = createClient({
    baseUrl: options.baseUrl,
    headers: { ...options.headers, ...bearer(options.apiKey) },
    fetch: tracedFetch(options),
  });
  const attempted = <T>(route: Route, call: CallOptions, attempt: () => Promise<T>): Promise<T> => {
    requireKey(route, options);
    const repeatable = call.repeatable !== false && isRepeatable(route);
    return retry(() => attempt().catch((error: unknown) => fail(error, call.signal)), {
      pausesMs: repeatable ? retryPausesMs : [],
      isWorthRetrying: (error) => isWorthRetrying(error, route.method),
      signal: call.signal,
    });
  };
  return {
    stream: (route, input, call = {}) =>
      attempted(route, call, () => client.stream(route, input, pick(call))),
    call: (route, input, call = {}) => {
      const timeoutMs = call.timeoutMs ?? options.requestTimeoutMs;
      const headers = {
        'x-tensorlake-request-timeout-ms': String(Math.min(timeoutMs, longestBoundMs)),
        ...preference(call, timeoutMs),
      };
      return attempted(route, call, () =>
        within(timeoutMs, call.signal, (signal) =>
          client.call(route, input, { ...pick(call), headers, signal }),
        ),
      );
    },
  };
}

const pick = ({ signal, rawBody }: CallOptions) => ({
  ...(signal && { signal }),
  ...(rawBody && { rawBody }),
});

/** Never longer than the client itself waits for an answer. */
const preference = ({ preferredWaitSecs }: CallOptions, timeoutMs: number): Record<string, string> =>
  preferredWaitSecs === undefined
    ? {}
    : { prefer: `wait=${Math.floor(Math.min(preferredWaitSecs, timeoutMs / 1000))}` };

const bearer = (apiKey: string | undefined): Record<string, string> =>
  apiKey ? { authorization: `Bearer ${apiKey}` } : {};

function fail(error: unknown, signal: AbortSignal | undefined): never {
  throw toSandboxError(error, signal);
}

async function within<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(timeoutMs + graceMs);
  try {
    return await attempt(signal === undefined ? deadline : AbortSignal.any([signal, deadline]));
  } catch (error) {
    if (!deadline.aborted || signal?.aborted) throw error;
    throw new SandboxConnectionError(`no answer within ${timeoutMs / 1000} s`, {
      cause: error,
      hint: 'Raise the request timeout, or look at the log of the server.',
    });
  }
}

function requireKey(route: Route, options: TransportOptions): void {
  if (route.access === 'public' || options.apiKey || options.session) return;
  throw new SandboxError(`no API key for ${options.baseUrl}`, {
    hint: 'Log in with `atoll login`, or set ATOLL_API_KEY.',
  });
}

function tracedFetch(options: TransportOptions): typeof fetch {
  return async (input, init) => {
    const startedAt = performance.now();
    const trace = (status?: number, timing?: string | null) =>
      options.onRequest?.({
        method: init?.method ?? 'GET',
        url: withoutSecrets(String(input)),
        durationMs: performance.now() - startedAt,
        ...(status !== undefined && { status }),
        ...(timing && { stages: parseStages(timing) }),
      });
    try {
      const response = await fetch(input, init);
      trace(response.status, response.headers.get('server-timing'));
      return response;
    } catch (error) {
      trace();
      throw init?.signal?.aborted ? error : unreached(error, options.baseUrl);
    }
  };
}

function unreached(error: unknown, baseUrl: string): SandboxConnectionError {
  const hint = `Is a server running at ${baseUrl}? \`atoll server\` starts one; ATOLL_URL names another.`;
  return connectionError(error, isConnectError(error) ? hint : undefined);
}

const parseStages = (timing: string): { name: string; ms: number }[] =>
  [...timing.matchAll(/([\w-]+);dur=([\d.]+)/g)].map(([, name = '', ms]) => ({ name, ms: Number(ms) }));

const secretParameters = ['device_code', 'token'];

function withoutSecrets(address: string): string {
  const url = new URL(address);
  for (const name of secretParameters) if (url.searchParams.has(name)) url.searchParams.set(name, '***');
  url.username = '';
  url.password = '';
  return url.href;
}
