import type { RequestTrace, Transport } from './transport.ts';
import { createTransport } from './transport.ts';
import { SandboxError } from './errors.ts';
import { resolveSettings } from './settings.ts';
import type { ConnectionOptions, Settings } from './settings.ts';

export const sdkVersion = '0.1.0';

/** How a client reaches the server. */
export interface ClientOptions extends ConnectionOptions {
  /** Seconds within which calls must answer, a create included; streams have none. Default 300. */
  requestTimeout?: number;
  /** Put before the SDK's own user agent. */
  userAgent?: string;
  /**
   * For pages that the server itself serves: the session of the browser stands in the place of a key, and sandboxes are
   * reached by the server's own address, which is the only one that the browser sends it to.
   */
  session?: boolean;
  /** Called after every attempt of a request; for debugging. */
  onRequest?: (trace: RequestTrace) => void;
}

/** The way to one server; its settings are looked for at the first call. */
export interface Connection {
  readonly requestTimeoutMs: number;
  settings(): Promise<Settings>;
  /** The server itself. */
  server(): Promise<Transport>;
  /** The agent in a sandbox, behind the gateway at `sandboxUrl` (default: the server's own address). */
  sandbox(sandboxId: string, sandboxUrl: string | undefined): Promise<Transport>;
  /** Where the server itself answers, for what is no route: its registry. */
  serverAddress(): Promise<SandboxAddress>;
  /** Where WebSockets of a sandbox are opened, and with which headers. */
  sandboxAddress(sandboxId: string, sandboxUrl: string | undefined): Promise<SandboxAddress>;
  close(): void;
}

export interface SandboxAddress {
  baseUrl: string;
  headers: Record<string, string>;
  /** What stands before the path of a WebSocket, where no header can name the sandbox. */
  socketPrefix?: string;
}

/** The agent's own port: below it lies the API of a sandbox, in every form of address. */
const AGENT_PORT = 9501;
/** What only a page of the server itself can send. */
const sessionHeaders = { 'x-atoll-console': '1' };

export function createConnection(options: ClientOptions): Connection {
  const requestTimeoutMs = (options.requestTimeout ?? 300) * 1000;
  if (!(requestTimeoutMs > 0)) throw new SandboxError('requestTimeout must be a positive number of seconds');
  let resolved: Promise<Settings> | undefined;
  let closed = false;
  // A failure is not kept: the server, or a profile, may be there at the next call.
  const settings = () =>
    (resolved ??= resolveSettings(options).catch((error: unknown) => {
      resolved = undefined;
      throw error;
    }));
  const session = options.session === true;
  const locate = async (baseUrl: string | undefined, headers: Record<string, string>) => {
    if (closed) throw new SandboxError('the client is closed');
    const found = await settings();
    return {
      baseUrl: baseUrl === undefined || session ? found.apiUrl : new URL(baseUrl).origin,
      apiKey: found.apiKey,
      headers: { ...scopeHeaders(found), ...headers, ...(session ? sessionHeaders : agentHeader(options)) },
    };
  };
  const address = async (url: string | undefined, extra: Record<string, string>): Promise<SandboxAddress> => {
    const { baseUrl, apiKey, headers } = await locate(url, extra);
    return {
      baseUrl,
      headers: { ...headers, ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) },
    };
  };
  const transport = async (baseUrl: string | undefined, headers: Record<string, string>) =>
    createTransport({
      ...(await locate(baseUrl, headers)),
      requestTimeoutMs,
      session,
      onRequest: options.onRequest,
    });
  return {
    requestTimeoutMs,
    settings,
    server: () => transport(undefined, {}),
    sandbox: (sandboxId, sandboxUrl) => transport(sandboxUrl, { 'x-tensorlake-sandbox-id': sandboxId }),
    serverAddress: () => address(undefined, {}),
    sandboxAddress: async (sandboxId, sandboxUrl) => ({
      ...(await address(sandboxUrl, { 'x-tensorlake-sandbox-id': sandboxId })),
      ...(session && { socketPrefix: `/ports/${sandboxId}/${AGENT_PORT}` }),
    }),
    close: () => {
      closed = true;
    },
  };
}

/** Browsers say themselves what they are. */
const agentHeader = ({ userAgent }: ClientOptions) => ({
  'user-agent': `${userAgent === undefined ? '' : `${userAgent} `}atoll-sdk/${sdkVersion}`,
});

/**
 * A chosen workspace is named in the paths of sandboxes, and here for everything that has no such path: the data
 * plane, keys, the audit record. Only personal access tokens have a choice; API keys ignore it.
 */
function scopeHeaders({ namespace, organizationId, projectId }: Settings): Record<string, string> {
  const workspace = namespace === 'default' ? projectId : namespace;
  return {
    ...(organizationId !== undefined && { 'x-forwarded-organization-id': organizationId }),
    ...(workspace !== undefined && { 'x-forwarded-project-id': workspace }),
  };
}
