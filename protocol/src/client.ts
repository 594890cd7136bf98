import type { Route, RouteAnswer, RouteCall } from './route.ts';

export interface ClientOptions {
  baseUrl: string;
  /** Sent with every call: authorization, user agent, scope. */
  headers: Record<string, string>;
  fetch?: typeof fetch;
}

export interface CallOptions {
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** Raw body of a `stream` route. */
  rawBody?: NonNullable<RequestInit['body']>;
}

/** An answer that is not a success; the SDK and the CLI turn it into their own errors. */
export class HttpError extends Error {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(`HTTP ${status}: ${body}`);
    this.name = 'HttpError';
    this.status = status;
    this.body = body;
  }
}

export interface Client {
  /** Calls a route and parses its JSON answer. Throws HttpError. */
  call<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<RouteAnswer<R>>;
  /** Calls a route and hands over the response once its status is known to be good. Throws HttpError. */
  stream<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<Response>;
}

interface AnyInput {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
}

/** A client of the routes: paths, queries and bodies come from their schemas. */
export function createClient(options: ClientOptions): Client {
  const send = async (route: Route, input: AnyInput, call: CallOptions = {}): Promise<Response> => {
    const response = await (options.fetch ?? fetch)(urlOf(options.baseUrl, route, input), {
      method: route.method,
      headers: { ...options.headers, ...contentType(input, call), ...call.headers },
      ...bodyOf(input, call),
      ...(call.signal && { signal: call.signal }),
    });
    if (!response.ok) throw new HttpError(response.status, await response.text());
    return response;
  };
  return {
    stream: (route, input, call) => send(route, input, call),
    call: async <R extends Route>(route: R, input: RouteCall<R>, call?: CallOptions) => {
      const response = await send(route, input, call);
      const answer = route.response ? route.response.parse(await response.json()) : await discard(response);
      return answer as RouteAnswer<R>; // parsed by the route's own schema
    },
  };
}

/** An unread body would hold its connection. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel();
}

function contentType(input: AnyInput, call: CallOptions): Record<string, string> {
  if (call.rawBody !== undefined) return { 'content-type': 'application/octet-stream' };
  return input.body === undefined ? {} : { 'content-type': 'application/json' };
}

/** Options of fetch that not every library of types knows. */
interface StreamingInit extends RequestInit {
  duplex: 'half';
  window: null;
}

function bodyOf(input: AnyInput, call: CallOptions): RequestInit {
  if (call.rawBody === undefined) return input.body === undefined ? {} : { body: JSON.stringify(input.body) };
  // Streams may only be sent in half duplex. Unless redirects are errors and there is no window, fetch keeps a
  // second copy of the whole body in memory to send it again (https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch).
  const init: StreamingInit = { body: call.rawBody, duplex: 'half', redirect: 'error', window: null };
  return init;
}

function urlOf(baseUrl: string, route: Route, input: AnyInput): string {
  const params = input.params ?? {};
  const path = pathFor(route, params).replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(params[name])),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    // A list is a name that is repeated.
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) query.append(name, String(one));
    }
  }
  return `${baseUrl}${path}${query.size > 0 ? `?${query}` : ''}`;
}

/** The first spelling of the path whose parameters are all given. */
function pathFor(route: Route, params: Record<string, unknown>): string {
  const complete = route.paths.find((path) =>
    [...path.matchAll(/\{(\w+)\}/g)].every(([, name]) => params[name ?? ''] !== undefined),
  );
  if (complete === undefined) throw new TypeError(`${route.id}: a path parameter is missing`);
  return complete;
}
