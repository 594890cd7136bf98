import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '@atoll/protocol';
import type { Log } from '../lib/log.ts';
import type { Sandboxes } from '../sandbox/sandboxes.ts';
import { requireRole } from '../tenancy/caller.ts';
import type { Caller } from '../tenancy/caller.ts';
import { namesBoth } from './address.ts';
import { corsHeaders } from './headers.ts';
import { proxy } from './proxy.ts';
import { guardRequest } from './request-guard.ts';
import { answerOn, upgrade } from './upgrade.ts';
import { createUpstreams } from './upstream.ts';

export interface GatewayOptions {
  sandboxes: Pick<Sandboxes, 'get' | 'reach' | 'hold' | 'onEnd'>;
  /** Who makes the request; throws `unauthenticated`. */
  authenticate: (request: IncomingMessage) => Caller;
  log: Log;
}

export type Gateway = ReturnType<typeof createGateway>;

/** The data plane: authenticates, finds the sandbox, and passes bytes through. It never looks into them. */
export function createGateway({ sandboxes, authenticate, log }: GatewayOptions) {
  const upstreams = createUpstreams();
  sandboxes.onEnd((record) => upstreams.cut(record));

  const reach = (request: IncomingMessage, identifier: string) => {
    const caller = authenticate(request);
    requireRole(caller, 'member');
    const reached = sandboxes.reach(caller.workspace.id, identifier);
    const other = namesBoth(request, identifier);
    if (other !== undefined && sandboxes.get(caller.workspace.id, other).id !== reached.record.id) {
      throw new ApiError(
        'conflicting_sandbox_ids',
        `the host names ${identifier}, X-Tensorlake-Sandbox-Id names ${other}`,
      );
    }
    return reached;
  };

  const forward = async (
    request: IncomingMessage,
    response: ServerResponse,
    identifier: string,
  ): Promise<void> => {
    guardRequest(request);
    const { record, endpoint, token } = reach(request, identifier);
    const letGo = sandboxes.hold(record.id);
    try {
      await proxy(request, response, { endpoint, token, agent: upstreams.of(record) });
    } finally {
      letGo();
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
    const { record, endpoint, token } = reach(request, identifier);
    const letGo = sandboxes.hold(record.id);
    const attach = (cut: () => void) => upstreams.attach(record, cut);
    try {
      await upgrade(request, response, socket, head, { endpoint, token, attach });
    } finally {
      letGo();
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
        replyError(request, response, error, log);
      }
    },
    /** Answers a request that is addressed to a sandbox. Never rejects. */
    handle: async (request: IncomingMessage, response: ServerResponse, identifier: string): Promise<void> => {
      if (request.method === 'OPTIONS') return void response.writeHead(204, corsHeaders).end();
      try {
        await forward(request, response, identifier);
      } catch (error) {
        replyError(request, response, error, log);
      }
    },
    close: (): void => upstreams.cutAll(),
  };
}

/** Codes are upper case on the data plane (wire 2.9). */
function replyError(request: IncomingMessage, response: ServerResponse, error: unknown, log: Log): void {
  if (!(error instanceof ApiError))
    log.error({ err: error, path: request.url?.split('?')[0] }, 'gateway failed');
  const shown = error instanceof ApiError ? error : new ApiError('internal', 'the gateway failed');
  if (response.headersSent || response.destroyed) return void response.destroy();
  const body = {
    error: shown.message,
    code: shown.code.toUpperCase(),
    message: shown.message,
    hint: shown.hint,
  };
  // The body of a refused request is not read to its end, so the connection cannot be used again.
  const close = request.complete ? {} : { connection: 'close' };
  response.writeHead(shown.status, { 'content-type': 'application/json', ...corsHeaders, ...close });
  response.end(JSON.stringify(body));
}
