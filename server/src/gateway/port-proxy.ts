import { request as httpRequest, ServerResponse } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { ApiError } from '@atoll/protocol';
import { passBody } from './answer-body.ts';
import { portResponseHeaders } from './port-headers.ts';
import { connectWith } from './port-upstream.ts';
import type { Connect, PortRequestArgs, PortUpstream } from './port-upstream.ts';
import { explain, limitInterimAnswers } from './proxy.ts';

/** One request for an exposed port, ready to be passed on. */
export interface PortCall {
  upstream: PortUpstream;
  connect: Connect;
  path: string;
  headers: OutgoingHttpHeaders;
  prefix: string;
  /** Headers that the answer has whatever the server in the sandbox says. */
  answerHeaders?: OutgoingHttpHeaders;
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Passes a request to the server on an exposed port and its answer back, byte for byte, with back-pressure both ways.
 * Resolves when both directions have ended; rejects with what the client can still be told.
 */
export function proxyPort(request: IncomingMessage, response: ServerResponse, call: PortCall): Promise<void> {
  return new Promise((resolve, reject) => {
    let current: ClientRequest | undefined;
    response.once('close', () => {
      current?.destroy();
      resolve();
    });
    const send = (isRetry: boolean): void => {
      const sent = callPort(request, call, isRetry);
      current = sent;
      const detach = call.upstream.attach(() => sent.destroy(new Error('the port is closed to requests')));
      sent.once('close', detach);
      sent.on('error', (error) => {
        if (response.writableEnded) return;
        if (response.headersSent || response.destroyed) return void response.destroy();
        // A kept connection that the server has closed meanwhile: the request never got there.
        if (sent.reusedSocket && !isRetry && !hasBody(request)) return send(true);
        reject(error instanceof ApiError ? error : explain(error));
      });
      sent.once('response', (answer) => passAnswer(sent, answer, response, call));
    };
    request.on('error', () => current?.destroy());
    send(false);
  });
}

/** A request with a body cannot be sent twice, so it gets a connection of its own. */
function callPort(request: IncomingMessage, call: PortCall, isRetry: boolean): ClientRequest {
  const isAlone = isRetry || hasBody(request);
  const args: PortRequestArgs = {
    method: request.method ?? 'GET',
    path: call.path,
    headers: call.headers,
    setHost: false,
    connectPort: call.connect,
    ...(isAlone
      ? { createConnection: (_options, oncreate) => connectWith(call.connect, oncreate) }
      : { agent: call.upstream.agent }),
  };
  const sent = httpRequest(args);
  limitInterimAnswers(sent);
  // Asked for by nobody: the handshake of an upgrade has a way of its own.
  sent.once('upgrade', (_answer, socket) => socket.destroy());
  if (hasBody(request)) request.pipe(sent);
  else sent.end();
  return sent;
}

function passAnswer(
  sent: ClientRequest,
  answer: IncomingMessage,
  response: ServerResponse,
  { prefix, answerHeaders }: PortCall,
): void {
  const headers = portResponseHeaders(answer.headers, prefix);
  try {
    requireStatus(answer, response);
    response.writeHead(answer.statusCode ?? 502, withHeaders(headers, answerHeaders));
  } catch (cause) {
    return void sent.destroy(new Error('the answer cannot be passed on', { cause }));
  }
  // Events and long polls begin with their headers.
  response.flushHeaders();
  answer.on('error', () => response.writableEnded || response.destroy());
  passBody(sent, answer, response);
}

/** Node reads more statuses than it writes, in HTTP/2 fewer than in HTTP/1.1, and throws at the others. */
export const hasStatus = ({ statusCode = 0 }: IncomingMessage, last = 999): boolean =>
  statusCode >= 200 && statusCode <= last;

function requireStatus(answer: IncomingMessage, response: ServerResponse): void {
  if (hasStatus(answer, response instanceof ServerResponse ? 999 : 599)) return;
  throw new RangeError(`the answer has status ${answer.statusCode}`);
}

/** Of cookies there may be many; of everything else the last word counts. */
function withHeaders(headers: OutgoingHttpHeaders, more: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  const cookies = [headers['set-cookie'] ?? [], more['set-cookie'] ?? []].flat().map(String);
  return { ...headers, ...more, ...(cookies.length > 0 && { 'set-cookie': cookies }) };
}

/** The handshake of an upgrade, on a connection of its own. */
export function callPortUpgrade(request: IncomingMessage, call: PortCall): ClientRequest {
  if (hasBody(request)) throw new ApiError('invalid_request', 'a request for an upgrade has no body');
  const upgrade = request.headers.upgrade ?? 'websocket';
  return httpRequest({
    method: request.method ?? 'GET',
    path: call.path,
    headers: { ...call.headers, connection: 'Upgrade', upgrade },
    setHost: false,
    createConnection: (_options, oncreate) => connectWith(call.connect, oncreate),
  });
}
