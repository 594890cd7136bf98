import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '@atoll/protocol';
import type { Log } from '../lib/log.ts';
import { isEnded } from '../sandbox/lifecycle.ts';
import type { Reach, Sandboxes } from '../sandbox/sandboxes.ts';
import type { AccessWatch, Admission } from '../tenancy/access-watch.ts';
import { requireRole } from '../tenancy/caller.ts';
import type { Caller } from '../tenancy/caller.ts';
import { namesBoth } from './address.ts';
import type { SandboxAddress } from './address.ts';
import { callAgent } from './agent-call.ts';
import { corsHeaders, responseHeaders } from './headers.ts';
import { withoutToken } from './preview-gate.ts';
import { terminalKey, withoutTerminalKey } from './terminal-key.ts';
import type { PreviewGate } from './preview-gate.ts';
import { isPlainAnswer, proxy } from './proxy.ts';
import { replyPlatformError } from './platform-error.ts';
import { replyError } from './reply-error.ts';
import { guardBelow, guardRequest } from './request-guard.ts';
import { chosenProtocol } from './terminal-protocol.ts';
import { answerOn, handshakeOf, upgrade } from './upgrade.ts';
import { createUpstreams } from './upstream.ts';

export interface GatewayOptions {
  sandboxes: Pick<Sandboxes, 'attach' | 'get' | 'onCut'>;
  /** Who makes the request; throws `unauthenticated`. */
  authenticate: (request: IncomingMessage, workspace?: string, queryKey?: string) => Caller;
  /** Whether somebody may come in by a preview; throws `unauthenticated`. */
  enterPreview: PreviewGate;
  access: AccessWatch;
  log: Log;
}

/** Whose sandbox a request is for. */
interface Entry extends Admission {
  workspaceId: string;
  identifier: string;
  awaitsStart: boolean;
}

export type Gateway = ReturnType<typeof createGateway>;

/** The data plane: authenticates, finds the sandbox, and passes bytes through. It never looks into them. */
export function createGateway({ sandboxes, authenticate, enterPreview, access, log }: GatewayOptions) {
  const upstreams = createUpstreams();
  sandboxes.onCut((record) => upstreams.cut(record));

  /** Whose sandbox a request is for, if it may reach it. */
  const admit = (request: IncomingMessage, { identifier, below, preview }: SandboxAddress): Entry => {
    if (preview !== undefined) {
      const { workspaceId } = preview;
      return { workspaceId, identifier, awaitsStart: true, ...enterPreview(request, preview) };
    }
    const queryKey = below && terminalKey(request, below.prefix);
    const caller = authenticate(request, below?.workspace, queryKey);
    requireRole(caller, 'member');
    const { endsAt = Infinity, workspace } = caller;
    if (below !== undefined) return { workspaceId: workspace.id, identifier, awaitsStart: true, endsAt };
    const other = namesBoth(request, identifier);
    const { id } = sandboxes.get(workspace.id, identifier);
    if (other !== undefined && sandboxes.get(workspace.id, other).id !== id) {
      throw new ApiError(
        'conflicting_sandbox_ids',
        `the host names ${identifier}, X-Tensorlake-Sandbox-Id names ${other}`,
      );
    }
    return { workspaceId: workspace.id, identifier: id, awaitsStart: false, endsAt };
  };

  /** Holds the sandbox awake while `use` speaks with it; who loses the right to that meanwhile is cut off. */
  const withReach = async (
    request: IncomingMessage,
    address: SandboxAddress,
    use: (reach: Reach) => Promise<void>,
  ): Promise<void> => {
    guard(request, address);
    const cut = (): void => void request.socket.destroy();
    const { admitted, leave } = access.enter(() => admit(request, address), cut);
    try {
      const { workspaceId, identifier, awaitsStart } = admitted;
      const reach = await sandboxes.attach(workspaceId, identifier, awaitsStart);
      await use(reach).finally(reach.release);
    } finally {
      leave();
    }
  };

  /** Why a request was cut: a client should read that the sandbox ended, not that a connection broke. */
  const hasEnded = ({ workspaceId, id }: Reach['record']): boolean => {
    const { state, operation } = sandboxes.get(workspaceId, id);
    return isEnded(state) || operation === 'terminate';
  };

  const forward = (
    request: IncomingMessage,
    response: ServerResponse,
    address: SandboxAddress,
  ): Promise<void> =>
    withReach(request, address, async ({ record, endpoint, token }) => {
      // The client may have gone while the sandbox woke.
      if (response.destroyed) return;
      const path = pathOf(request, address);
      try {
        await proxy(request, response, { endpoint, token, agent: upstreams.of(record), path });
      } catch (error) {
        throw hasEnded(record)
          ? new ApiError('sandbox_ended', `sandbox ${address.identifier} has ended`)
          : error;
      }
    });

  const join = (
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    head: Buffer,
    address: SandboxAddress,
  ): Promise<void> =>
    withReach(request, address, async ({ record, endpoint, token }) => {
      if (socket.destroyed) return;
      await upgrade(request, response, socket, head, {
        open: () => callAgent(request, endpoint, token, pathOf(request, address)),
        attach: (cut) => upstreams.attach(record, cut),
        isPlain: isPlainAnswer,
        answerHeaders: responseHeaders,
        switchingHeaders: (headers) => ({
          ...handshakeOf(headers),
          ...chosenProtocol(request.headers),
          upgrade: 'websocket',
        }),
      });
    });

  /** In the words of the dialect that the request was made in. */
  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    { below }: SandboxAddress,
  ): void =>
    below === undefined
      ? replyError(request, response, error, log, corsHeaders)
      : replyPlatformError(request, response, error, log, corsHeaders);

  return {
    /** Joins a client's WebSocket with one in a sandbox. Never rejects. */
    upgrade: async (
      request: IncomingMessage,
      socket: Socket,
      head: Buffer,
      address: SandboxAddress,
    ): Promise<void> => {
      socket.on('error', () => socket.destroy());
      const response = answerOn(request, socket);
      try {
        await join(request, response, socket, head, address);
      } catch (error) {
        refuse(request, response, error, address);
      }
    },
    /** Answers a request that is addressed to a sandbox. Never rejects. */
    handle: async (
      request: IncomingMessage,
      response: ServerResponse,
      address: SandboxAddress,
    ): Promise<void> => {
      if (request.method === 'OPTIONS') return void response.writeHead(204, corsHeaders).end();
      try {
        await forward(request, response, address);
      } catch (error) {
        refuse(request, response, error, address);
      }
    },
    close: (): void => upstreams.cutAll(),
  };
}

const guard = (request: IncomingMessage, address: SandboxAddress): void =>
  address.below === undefined ? guardRequest(request, pathOf(request, address)) : guardBelow(request);

/** Neither tokens of previews nor keys reach a sandbox. */
const withoutKeys = (path: string): string => withoutToken(withoutTerminalKey(path, SANDBOX_API));

/** Where the agent serves the sandbox API of the Blaxel dialect. */
const SANDBOX_API = '/blaxel';

/** Byte for byte as it was sent, but for what names the sandbox. */
function pathOf({ url = '/' }: IncomingMessage, { below, prefix = '' }: SandboxAddress): string {
  if (below === undefined) return url.slice(prefix.length);
  const rest = url.slice(below.prefix.length);
  return withoutKeys(`${SANDBOX_API}${rest.startsWith('/') ? '' : '/'}${rest}`);
}
