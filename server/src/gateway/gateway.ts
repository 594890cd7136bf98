import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '@atoll/protocol';
import type { Log } from '../lib/log.ts';
import { isEnded } from '../sandbox/lifecycle.ts';
import type { Reach, Sandboxes } from '../sandbox/sandboxes.ts';
import { requireRole } from '../tenancy/caller.ts';
import type { Caller } from '../tenancy/caller.ts';
import { namesBoth } from './address.ts';
import { callAgent } from './agent-call.ts';
import { corsHeaders, responseHeaders } from './headers.ts';
import { isPlainAnswer, proxy } from './proxy.ts';
import { replyError } from './reply-error.ts';
import { guardRequest } from './request-guard.ts';
import { answerOn, handshakeOf, upgrade } from './upgrade.ts';
import { createUpstreams } from './upstream.ts';

export interface GatewayOptions {
  sandboxes: Pick<Sandboxes, 'attach' | 'get' | 'onCut'>;
  /** Who makes the request; throws `unauthenticated`. */
  authenticate: (request: IncomingMessage) => Caller;
  log: Log;
}

export type Gateway = ReturnType<typeof createGateway>;

/** The data plane: authenticates, finds the sandbox, and passes bytes through. It never looks into them. */
export function createGateway({ sandboxes, authenticate, log }: GatewayOptions) {
  const upstreams = createUpstreams();
  sandboxes.onCut((record) => upstreams.cut(record));

  const reach = async (request: IncomingMessage, identifier: string): Promise<Reach> => {
    const caller = authenticate(request);
    requireRole(caller, 'member');
    const other = namesBoth(request, identifier);
    const { id } = sandboxes.get(caller.workspace.id, identifier);
    if (other !== undefined && sandboxes.get(caller.workspace.id, other).id !== id) {
      throw new ApiError(
        'conflicting_sandbox_ids',
        `the host names ${identifier}, X-Tensorlake-Sandbox-Id names ${other}`,
      );
    }
    return sandboxes.attach(caller.workspace.id, id);
  };

  /** Why a request was cut: a client should read that the sandbox ended, not that a connection broke. */
  const hasEnded = ({ workspaceId, id }: Reach['record']): boolean => {
    const { state, operation } = sandboxes.get(workspaceId, id);
    return isEnded(state) || operation === 'terminate';
  };

  const forward = async (
    request: IncomingMessage,
    response: ServerResponse,
    identifier: string,
  ): Promise<void> => {
    guardRequest(request);
    const { record, endpoint, token, release } = await reach(request, identifier);
    try {
      // The client may have gone while the sandbox woke.
      if (response.destroyed) return;
      await proxy(request, response, { endpoint, token, agent: upstreams.of(record) });
    } catch (error) {
      throw hasEnded(record) ? new ApiError('sandbox_ended', `sandbox ${identifier} has ended`) : error;
    } finally {
      release();
    }
  };

  const join = async (
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    head: Buffer,
    identifier: string,
  ): Promise<void> => {
    guardRequest(request);
    const { record, endpoint, token, release } = await reach(request, identifier);
    const attach = (cut: () => void) => upstreams.attach(record, cut);
    try {
      if (socket.destroyed) return;
      await upgrade(request, response, socket, head, {
        open: () => callAgent(request, endpoint, token),
        attach,
        isPlain: isPlainAnswer,
        answerHeaders: (headers) => ({ ...responseHeaders(headers), ...corsHeaders }),
        switchingHeaders: (headers) => ({ ...handshakeOf(headers), upgrade: 'websocket' }),
      });
    } finally {
      release();
    }
  };

  return {
    /** Joins a client's WebSocket with one in a sandbox. Never rejects. */
    upgrade: async (
      request: IncomingMessage,
      socket: Socket,
      head: Buffer,
      identifier: string,
    ): Promise<void> => {
      socket.on('error', () => socket.destroy());
      const response = answerOn(request, socket);
      try {
        await join(request, response, socket, head, identifier);
      } catch (error) {
        replyError(request, response, error, log, corsHeaders);
      }
    },
    /** Answers a request that is addressed to a sandbox. Never rejects. */
    handle: async (request: IncomingMessage, response: ServerResponse, identifier: string): Promise<void> => {
      if (request.method === 'OPTIONS') return void response.writeHead(204, corsHeaders).end();
      try {
        await forward(request, response, identifier);
      } catch (error) {
        replyError(request, response, error, log, corsHeaders);
      }
    },
    close: (): void => upstreams.cutAll(),
  };
}
