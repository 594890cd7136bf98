import { blaxelVersions } from '@atoll/protocol';
import type { RouteAnswer, RouteCall, Route } from '@atoll/protocol';
import { sdkVersion } from '../connection.ts';
import type { ClientOptions } from '../connection.ts';
import { connectionError, RemoteAPIError } from '../errors.ts';
import { tokenOf } from './client-credentials.ts';
import { resolveSettings } from '../settings.ts';
import { createTransport } from '../transport.ts';
import type { CallOptions, Transport } from '../transport.ts';

export interface BlaxelOptions extends Omit<ClientOptions, 'namespace' | 'session'> {
  /** The workspace to act in; default `BL_WORKSPACE`, else that of the key. */
  workspace?: string;
}

/** What part of a sandbox's own API is asked for. */
export interface SandboxCall {
  method?: string;
  /** As it goes on the wire: encoded by the caller, because `%2F` means something of its own. */
  path: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** The way to one server in the words of the Blaxel dialect. */
export interface BlaxelConnection {
  /** The control plane. */
  call<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<RouteAnswer<R>>;
  /** As it comes, headers included. */
  stream<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<Response>;
  /** The API of a sandbox, below its own address. Throws RemoteAPIError for what is not a success. */
  sandbox(url: string, call: SandboxCall): Promise<Response>;
  /** The address that is in use, the workspace that was named, and the key. */
  settings(): Promise<{ apiUrl: string; workspace: string | undefined; apiKey: string | undefined }>;
}

/**
 * Options → `BL_API_URL`, `BL_API_KEY` or `BL_CLIENT_CREDENTIALS`, `BL_WORKSPACE` → where `@atoll/sdk` finds its server. A variable counts for the
 * address that it came with alone: `BL_API_KEY` is sent to `BL_API_URL`, or where that is not set to the server in use.
 */
export function createBlaxelConnection(options: BlaxelOptions = {}): BlaxelConnection {
  const { workspace: asked, ...given } = options;
  const settings = async () => {
    const {
      BL_API_URL: url,
      BL_API_KEY: key,
      BL_CLIENT_CREDENTIALS: pair,
      BL_WORKSPACE: named,
    } = process.env;
    const isGiven = given.apiUrl !== undefined || given.profile !== undefined;
    const apiUrl = url && !isGiven ? url.replace(/\/v0\/*$/, '') : undefined;
    const isPairUsed = pair && apiUrl && !key && given.apiKey === undefined;
    const apiKey = isPairUsed ? await tokenOf(apiUrl, pair) : isGiven ? undefined : key;
    const found = await resolveSettings({ ...(apiUrl && { apiUrl }), ...(apiKey && { apiKey }), ...given });
    return {
      apiUrl: found.apiUrl,
      apiKey: found.apiKey,
      workspace: asked ?? (isGiven ? undefined : named || undefined),
    };
  };
  const headersOf = (workspace: string | undefined): Record<string, string> => ({
    'blaxel-version': blaxelVersions[1],
    'user-agent': `${options.userAgent === undefined ? '' : `${options.userAgent} `}atoll-sdk/${sdkVersion}`,
    ...(workspace !== undefined && { 'x-blaxel-workspace': workspace }),
  });
  const transport = async (): Promise<Transport> => {
    const { apiUrl, apiKey, workspace } = await settings();
    const requestTimeoutMs = (options.requestTimeout ?? 300) * 1000;
    const { onRequest } = options;
    return createTransport({
      baseUrl: apiUrl,
      apiKey,
      headers: headersOf(workspace),
      requestTimeoutMs,
      onRequest,
    });
  };
  return {
    settings,
    call: async (route, input, call) => (await transport()).call(route, input, call),
    stream: async (route, input, call) => (await transport()).stream(route, input, call),
    sandbox: async (url, call) => {
      const { apiUrl, apiKey, workspace } = await settings();
      // The key goes to the server that was named, whatever host an answer names.
      const base = new URL(apiUrl).origin + new URL(url).pathname.replace(/\/$/, '');
      const authorization = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
      return sendCall(base, { ...headersOf(workspace), ...authorization }, call);
    },
  };
}

/** Calls what lies below an address. Throws RemoteAPIError for what is not a success. */
export async function sendCall(
  base: string,
  own: Readonly<Record<string, string>>,
  { method = 'GET', path, headers, body, signal }: SandboxCall,
): Promise<Response> {
  const content = isJson(body)
    ? JSON.stringify(body)
    : (body as NonNullable<RequestInit['body']> | undefined); // what is no plain object is bytes or a form
  const response = await fetch(base + path, {
    method,
    headers: { ...own, ...(isJson(body) && { 'content-type': 'application/json' }), ...headers },
    ...(content !== undefined && { body: content }),
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    throw signal?.aborted ? error : connectionError(error);
  });
  if (!response.ok) throw new RemoteAPIError(response.status, await response.text());
  return response;
}

const isJson = (body: unknown): boolean =>
  typeof body === 'object' &&
  body !== null &&
  [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(body));
