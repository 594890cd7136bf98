import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '@atoll/protocol';
import { AGENT_PORT } from '../agent/port.ts';
import type { Log } from '../lib/log.ts';
import type { Reach, Sandboxes } from '../sandbox/sandboxes.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { AccessWatch, Admission } from '../tenancy/access-watch.ts';
import { requireRole } from '../tenancy/caller.ts';
import type { Caller } from '../tenancy/caller.ts';
import type { PortAddress } from './address.ts';
import { portRequestHeaders, portResponseHeaders } from './port-headers.ts';
import type { Forwarded } from './port-headers.ts';
import {
  isAnsweredPreflight,
  previewHeaders,
  previewRequestHeaders,
  tokenCookie,
  withoutToken,
} from './preview-gate.ts';
import type { PreviewGate } from './preview-gate.ts';
import { grpcStreamOf, proxyGrpc } from './port-http2.ts';
import { callPortUpgrade, hasStatus, proxyPort } from './port-proxy.ts';
import type { PortCall } from './port-proxy.ts';
import { createPortUpstreams } from './port-upstream.ts';
import { replyError } from './reply-error.ts';
import { guardHeaders } from './request-guard.ts';
import { connectSandbox } from './sandbox-connection.ts';
import { answerOn, handshakeOf, upgrade } from './upgrade.ts';

export interface PortGatewayOptions {
  sandboxes: Pick<Sandboxes, 'attach' | 'get' | 'findPublic' | 'onCut' | 'onExposure'>;
  /** Who makes the request; throws `unauthenticated`. */
  authenticate: (request: IncomingMessage, workspace?: string) => Caller;
  /** Whether this is a key of this server, whatever it may still do. */
  isKey: (value: string) => boolean;
  /** Address, scheme and host as the client used them. */
  clientOf: (request: IncomingMessage) => Pick<Forwarded, 'address' | 'host' | 'proto'>;
  /** Whether somebody may come in by a preview; throws `unauthenticated`. */
  enterPreview: PreviewGate;
  access: AccessWatch;
  log: Log;
}

interface Entry extends Admission {
  record: SandboxRecord;
  /** Whether the request showed one of our keys. */
  isOurKey: boolean;
}

export type PortGateway = ReturnType<typeof createPortGateway>;

/** How long after its start or its wake a sandbox is given to open a port. */
const OPEN_WITHIN_MS = 5_000;
/** Says in which words its pages are not to be read. */
const errorHeaders: OutgoingHttpHeaders = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/**
 * Exposed ports: whoever may reach one is passed on to the server that listens there. What sandboxes answer is never
 * served on the origin of the API: each form of URL has an origin of its own.
 */
export function createPortGateway(options: PortGatewayOptions) {
  const { sandboxes, authenticate, isKey, enterPreview, access, clientOf, log } = options;
  const upstreams = createPortUpstreams();
  sandboxes.onCut((record) => upstreams.cut(record, () => true));
  // Connections that the new rules would refuse end with the old ones.
  sandboxes.onExposure((record) =>
    upstreams.cut(record, (port) => !record.allowUnauthenticated || !record.exposedPorts.includes(port)),
  );

  /** Whose request may reach the port. */
  const admit = (request: IncomingMessage, address: PortAddress): Entry => {
    const { identifier, port, workspace, preview } = address;
    if (preview !== undefined) {
      const { endsAt = Infinity } = enterPreview(request, preview);
      return { record: sandboxes.get(preview.workspaceId, identifier), isOurKey: isOurs(request), endsAt };
    }
    const open = sandboxes.findPublic(identifier, port);
    if (open !== undefined) return { record: open, isOurKey: isOurs(request) };
    const caller = authenticate(request, workspace);
    requireRole(caller, 'member');
    const record = sandboxes.get(caller.workspace.id, identifier);
    const isOpen = workspace === undefined ? record.exposedPorts.includes(port) : port !== AGENT_PORT;
    if (!isOpen) throw new ApiError('port_not_exposed', `sandbox ${identifier} does not expose port ${port}`);
    return { record, isOurKey: true, endsAt: caller.endsAt ?? Infinity };
  };

  /** An open port passes on what its own server asks for in `Authorization`, but never a key of this server. */
  const isOurs = ({ headers }: IncomingMessage): boolean => {
    const [, key] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
    return key !== undefined && isKey(key);
  };

  const callOf = (
    request: IncomingMessage,
    address: PortAddress,
    reach: Reach,
    isOurKey: boolean,
    signal: AbortSignal,
  ): PortCall => {
    const { prefix, port, preview } = address;
    const client = clientOf(request);
    const { record, endpoint, token, awakeForMs } = reach;
    const upstream = upstreams.of(record, port);
    const waitMs = Math.max(0, OPEN_WITHIN_MS - awakeForMs);
    return {
      upstream,
      prefix,
      path: preview ? withoutToken(pathOf(request, prefix)) : pathOf(request, prefix),
      headers: {
        ...portRequestHeaders(request.headers, { ...client, prefix, isOurKey }),
        ...(preview && previewRequestHeaders(request, preview)),
      },
      ...(preview && {
        answerHeaders: {
          ...previewHeaders(preview, prefix),
          ...tokenCookie(request, preview, prefix, client.proto === 'https'),
        },
      }),
      connect: (until = signal) => connectSandbox({ endpoint, token, port, waitMs }, until),
    };
  };

  /** Holds the sandbox awake while `use` passes the request on; a client that has gone ends the wait for the port. */
  const withReach = async (
    request: IncomingMessage,
    response: ServerResponse,
    address: PortAddress,
    { record, isOurKey }: Entry,
    use: (call: PortCall) => Promise<void>,
  ): Promise<void> => {
    const awaitsStart = address.workspace !== undefined || address.preview !== undefined;
    const reach = await sandboxes.attach(record.workspaceId, record.id, awaitsStart);
    const gone = new AbortController();
    const leave = (): void => gone.abort(new ApiError('invalid_request', 'the client went away'));
    response.once('close', leave);
    try {
      if (response.destroyed || request.socket.destroyed) return;
      await use(callOf(request, address, reach, isOurKey, gone.signal));
    } finally {
      response.off('close', leave);
      reach.release();
    }
  };

  /** Lets the request in; who loses the right to be there while `use` passes it on is cut off. */
  const withCall = async (
    request: IncomingMessage,
    response: ServerResponse,
    address: PortAddress,
    use: (call: PortCall) => Promise<void>,
  ): Promise<void> => {
    guardPortRequest(request, address);
    const cut = (): void => void request.socket.destroy();
    const { admitted, leave } = access.enter(() => admit(request, address), cut);
    await withReach(request, response, address, admitted, use).finally(leave);
  };

  return {
    /** Answers a request for an exposed port. Never rejects. */
    handle: async (
      request: IncomingMessage,
      response: ServerResponse,
      address: PortAddress,
    ): Promise<void> => {
      if (isBarePrefix(request, address)) return redirectToSlash(request, response, address);
      const { preview, prefix } = address;
      const ownHeaders = preview ? { ...errorHeaders, ...previewHeaders(preview, prefix) } : errorHeaders;
      if (preview && isAnsweredPreflight(request, preview))
        return void response.writeHead(204, previewHeaders(preview, prefix)).end();
      try {
        const grpc = grpcStreamOf(request);
        await withCall(request, response, address, (call) =>
          grpc ? proxyGrpc(request, grpc, call) : proxyPort(request, response, call),
        );
      } catch (error) {
        replyError(request, response, error, log, ownHeaders);
      }
    },
    /** Joins a client's connection with one to an exposed port. Never rejects. */
    upgrade: async (
      request: IncomingMessage,
      socket: Socket,
      head: Buffer,
      address: PortAddress,
    ): Promise<void> => {
      socket.on('error', () => socket.destroy());
      const response = answerOn(request, socket);
      try {
        await withCall(request, response, address, (call) =>
          upgrade(request, response, socket, head, {
            open: () => callPortUpgrade(request, call),
            attach: call.upstream.attach,
            isPlain: (answer) => hasStatus(answer),
            answerHeaders: (headers) => portResponseHeaders(headers, call.prefix),
            switchingHeaders: (headers) => switchingHeaders(headers, call.prefix),
          }),
        );
      } catch (error) {
        replyError(request, response, error, log, errorHeaders);
      }
    },
    close: (): void => upstreams.cutAll(),
  };
}

/** What frames the request must be read by both parsers in one way; its path is the business of the server in the sandbox. */
function guardPortRequest(request: IncomingMessage, { form }: PortAddress): void {
  guardHeaders(request);
  if (request.url?.startsWith('/') !== true && request.url !== '*')
    throw new ApiError('invalid_request', 'the request target has to be a path');
  // A page elsewhere may let its own name point to this machine, to speak to what only this machine reaches.
  if (form === 'local' && !/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(request.headers.host ?? ''))
    throw new ApiError('invalid_request', 'this port answers to the host localhost alone');
}

const pathOf = ({ url = '/' }: IncomingMessage, prefix: string): string => {
  const path = url.slice(prefix.length);
  return path.startsWith('/') || path === '*' ? path : `/${path}`;
};

/** Without a slash at its end, the links of a page below a path would lead out of it. */
const isBarePrefix = ({ url = '', method }: IncomingMessage, { prefix }: PortAddress): boolean =>
  prefix !== '' && url.split('?', 1)[0] === prefix && (method === 'GET' || method === 'HEAD');

function redirectToSlash(
  { url = '' }: IncomingMessage,
  response: ServerResponse,
  { prefix }: PortAddress,
): void {
  response.writeHead(308, { location: `${prefix}/${url.slice(prefix.length)}`, ...errorHeaders }).end();
}

function switchingHeaders(
  headers: IncomingMessage['headers'],
  prefix: string,
): Record<string, string | string[]> {
  const cookies = portResponseHeaders(headers, prefix)['set-cookie'];
  return {
    ...handshakeOf(headers),
    upgrade: headers.upgrade ?? 'websocket',
    ...(Array.isArray(cookies) && { 'set-cookie': cookies }),
  };
}
