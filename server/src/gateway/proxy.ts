import { request as httpRequest } from 'node:http';
import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '@atoll/protocol';
import type { ErrorCode } from '@atoll/protocol';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { passBody } from './answer-body.ts';
import { requestHeaders, responseHeaders } from './headers.ts';

export interface Upstream {
  endpoint: SlotEndpoint;
  token: string;
  agent: Agent;
  /** As the agent sees it. */
  path: string;
}

/** How long the agent may take to accept a connection. A lost first SYN would cost a second, so it is tried again. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Passes a request to the agent and its answer back, byte for byte, with back-pressure both ways. A client that
 * goes away ends the request in the sandbox; an agent that goes away ends the answer.
 * Resolves when both directions have ended; rejects with what the client can still be told.
 */
export function proxy(request: IncomingMessage, response: ServerResponse, upstream: Upstream): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = httpRequest({
      host: upstream.endpoint.host,
      port: upstream.endpoint.port,
      agent: upstream.agent,
      method: request.method ?? 'GET',
      path: upstream.path,
      headers: requestHeaders(request.headers, upstream.token),
      setHost: false,
    });
    const fail = (error: Error): void => {
      if (response.writableEnded) return;
      if (response.headersSent) response.destroy();
      else if (response.destroyed) resolve();
      else reject(explain(error));
    };
    watchConnect(call);
    refuseDetours(call, fail);
    call.on('error', fail);
    call.once('response', (answer) => {
      if (!isPlainAnswer(answer))
        return void call.destroy(new Error(`the answer has status ${answer.statusCode}`));
      response.writeHead(answer.statusCode ?? 502, responseHeaders(answer.headers));
      // Streams begin with their headers: a follower of a quiet process must see that it is connected.
      response.flushHeaders();
      answer.on('error', () => response.writableEnded || response.destroy());
      passBody(call, answer, response);
    });
    response.once('close', () => {
      call.destroy();
      resolve();
    });
    request.on('error', () => call.destroy());
    request.pipe(call);
  });
}

/** Ends a call whose connection is not accepted in time. */
export function watchConnect(call: ClientRequest): void {
  call.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => call.destroy(new ConnectTimeout()), CONNECT_TIMEOUT_MS);
    socket.once('connect', () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
  });
}

/** More of these before an answer is a flood; agents send one at most. */
const MAX_INTERIM_ANSWERS = 8;

/** Ends a call whose interim answers never come to an end. */
export function limitInterimAnswers(call: ClientRequest): void {
  let interim = 0;
  call.on('information', () => {
    interim += 1;
    if (interim > MAX_INTERIM_ANSWERS) call.destroy(new Error('too many interim answers'));
  });
}

/** Ends a call that makes a detour to its answer, or becomes another protocol. */
function refuseDetours(call: ClientRequest, fail: (error: Error) => void): void {
  limitInterimAnswers(call);
  // The connection is the listener's from here on, and the call tells no more.
  call.once('upgrade', (_answer, socket) => {
    socket.destroy();
    fail(new Error('the answer changes the protocol'));
  });
}

/**
 * An answer as an agent gives it. Root in a sandbox can answer in the agent's place: a redirect would make clients
 * repeat the request, with their key, wherever the sandbox says, and a status below 200 is no answer at all.
 */
export function isPlainAnswer({ statusCode = 0 }: IncomingMessage): boolean {
  const isRedirect = statusCode >= 300 && statusCode < 400 && statusCode !== 304;
  return statusCode >= 200 && statusCode < 600 && !isRedirect;
}

class ConnectTimeout extends Error {
  readonly code = 'ETIMEDOUT';
}

const codes: Record<string, ErrorCode> = {
  ECONNREFUSED: 'connection_refused',
  EHOSTUNREACH: 'connection_refused',
  ETIMEDOUT: 'upstream_timeout',
};

/** What a client is told about a call that failed. */
export function explain(error: Error): ApiError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const apiCode = codes[code] ?? 'proxy_error';
  return new ApiError(apiCode, `the sandbox does not answer (${code || 'connection closed'})`, {
    cause: error,
  });
}
