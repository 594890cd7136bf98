import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net';
import { createAddressReader } from '../../server/src/gateway/address.ts';
import { createGateway } from '../../server/src/gateway/gateway.ts';
import type { GatewayOptions } from '../../server/src/gateway/gateway.ts';
import { systemClock } from '../../server/src/lib/clock.ts';
import { createLog } from '../../server/src/lib/log.ts';
import { createHttpServer } from '../../server/src/listener.ts';
import { createAccessWatch } from '../../server/src/tenancy/access-watch.ts';
import type { HttpServerOptions } from '../../server/src/listener.ts';

/** What the agent's place got of one request. */
export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: string;
}

export const AGENT_TOKEN = 'token-of-the-agent';
export const CALLER_KEY = 'key-of-the-caller';

export interface GatewayStand {
  url: string;
  close(): Promise<void>;
}

/** The server's own listener and gateway in this process, before anything that listens in the agent's place. */
export async function openGateway(upstreamPort: number): Promise<GatewayStand> {
  const log = createLog('silent');
  const http = await createHttpServer({
    ...unusedByTheGateway,
    readAddress: createAddressReader({}),
    gateway: createGateway({
      sandboxes: oneSandbox(upstreamPort),
      authenticate: () => caller,
      enterPreview: () => ({}),
      access: createAccessWatch({ clock: systemClock, onAccessChange: () => {} }),
      log,
    }),
    log,
  });
  const port = await http.listen('127.0.0.1', 0);
  return { url: `http://127.0.0.1:${port}`, close: () => http.close(0) };
}

const caller = {
  workspace: { id: 'w', name: 'default', accountId: 'a', accountName: 'a' },
  memberId: 'm',
  keyId: 'k',
  kind: 'api',
  role: 'member',
} as unknown as ReturnType<GatewayOptions['authenticate']>; // the gateway reads workspace id and role alone

function oneSandbox(port: number): GatewayOptions['sandboxes'] {
  const record = { id: 'box', incarnation: 1 } as ReturnType<GatewayOptions['sandboxes']['get']>; // all it reads
  return {
    get: () => record,
    attach: async () => ({
      record,
      endpoint: { host: '127.0.0.1', port },
      token: AGENT_TOKEN,
      awakeForMs: 0,
      release: () => {},
    }),
    onCut: () => {},
  };
}

/** The control plane has no routes here: what is not for a sandbox is 404. */
const unusedByTheGateway = {
  bindings: [],
  authenticate: () => caller,
  baseUrlOf: () => 'http://localhost',
  audit: { record: () => {} },
  metrics: { timeRequest: () => () => {} },
  consoleFiles: async () => undefined,
} as unknown as Omit<HttpServerOptions, 'readAddress' | 'gateway' | 'log'>; // no route, so nothing calls them

/** An HTTP server in the agent's place that writes down what arrives, however many requests that turns out to be. */
export async function openRecorder(): Promise<{ port: number; seen: Seen[]; close(): Promise<void> }> {
  const seen: Seen[] = [];
  const record: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (chunk: string) => (body += chunk));
    request.once('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      seen.push({ method, url, headers, rawHeaders, body });
      response.end('seen');
    });
  };
  const server = createServer({ maxHeaderSize: 64 * 1024 }, record);
  // Its own parser must not be what hides a header.
  server.maxHeadersCount = 0;
  return { port: await listen(server), seen, close: () => closeAll(server) };
}

/** A TCP server in the agent's place that answers each connection with bytes of its choice. */
export async function openHostile(
  answer: (socket: Socket) => void,
): Promise<{ port: number; sockets: Set<Socket>; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: await listen(server), sockets, close };
}

const closeAll = async (server: Server): Promise<void> => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
};

const listen = (server: Server | TcpServer): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)); // TCP has no other kind
  });
