import { ServerResponse } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { passReads } from '../lib/bulk-socket.ts';
import { explain, limitInterimAnswers } from './proxy.ts';

/** The agent connects to a port of the sandbox before it answers; that takes 10 s at most. */
const ANSWER_TIMEOUT_MS = 20_000;
/** A peer that says nothing for this long is asked by the kernel whether it is still there. */
const KEEP_ALIVE_MS = 30_000;
/** How long one side may take to end once the other has and it was sent everything. */
const END_GRACE_MS = 5_000;
/** How long it may take to be sent everything. */
const FLUSH_TIMEOUT_MS = 60_000;

/** What a client's connection is joined with. */
export interface UpgradeUpstream {
  /** Begins the handshake; `upgrade` sends it. */
  open: () => ClientRequest;
  /** Told how to cut the connection; returns what is to be called once it has ended. */
  attach: (cut: () => void) => () => void;
  /** Whether an answer that refuses the upgrade may reach the client. */
  isPlain: (answer: IncomingMessage) => boolean;
  /** What the client gets of the headers of such an answer. */
  answerHeaders: (headers: IncomingHttpHeaders) => OutgoingHttpHeaders;
  /** What it gets of those that switch protocols; `connection` is added. */
  switchingHeaders: (headers: IncomingHttpHeaders) => Record<string, string | string[]>;
}

/** Whether a request begins a WebSocket. Other upgrades are not taken up: the request is answered as it is. */
export const isWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';

/** An answer on a connection that Node has let go of for an upgrade that may be refused. */
export function answerOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.end());
  return response;
}

/**
 * Opens a connection in the sandbox and joins it with the client's, byte for byte, with back-pressure both ways.
 * Resolves when both have ended; rejects with what the client can still be told.
 */
export function upgrade(
  request: IncomingMessage,
  response: ServerResponse,
  client: Socket,
  head: Buffer,
  upstream: UpgradeUpstream,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = upstream.open();
    limitInterimAnswers(call);
    const detach = upstream.attach(() => call.destroy(new Error('the sandbox has ended')));
    const timer = setTimeout(() => call.destroy(new AnswerTimeout()), ANSWER_TIMEOUT_MS);
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      detach();
      if (error === undefined || client.destroyed) resolve();
      else if (response.headersSent) client.destroy();
      else reject(explain(error));
    };
    const leave = (): void => void call.destroy();
    client.once('close', leave);
    call.on('error', settle);
    call.once('response', (answer) => {
      if (!upstream.isPlain(answer))
        return void call.destroy(new Error(`the answer has status ${answer.statusCode}`));
      refuse(response, answer, upstream, settle);
    });
    call.once('upgrade', (answer, agent, first) => {
      clearTimeout(timer);
      client.off('close', leave);
      detach();
      const detachJoined = upstream.attach(() => agent.destroy());
      client.write(switchingHead(upstream.switchingHeaders(answer.headers)));
      agent.write(head);
      join({ client, agent: agent as Socket, first }, () => {
        detachJoined();
        resolve();
      });
    });
    call.end();
  });
}

/** Passes on why the agent does not open a WebSocket. */
function refuse(
  response: ServerResponse,
  answer: IncomingMessage,
  { answerHeaders }: UpgradeUpstream,
  settle: (error?: Error) => void,
): void {
  response.writeHead(answer.statusCode ?? 502, answerHeaders(answer.headers));
  answer.on('error', settle);
  response.once('close', () => settle());
  answer.pipe(response);
}

/** Only what the handshake itself needs: the rest of what a sandbox says here is for nobody. */
export function handshakeOf(headers: IncomingHttpHeaders): Record<string, string> {
  const passed = ['sec-websocket-accept', 'sec-websocket-protocol', 'sec-websocket-extensions'];
  return Object.fromEntries(
    passed.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
}

function switchingHead(headers: Record<string, string | string[]>): string {
  const lines = Object.entries({ connection: 'Upgrade', ...headers }).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  return ['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n');
}

interface Joined {
  client: Socket;
  agent: Socket;
  /** What the agent sent with its answer. */
  first: Buffer;
}

function join({ client, agent, first }: Joined, onEnd: () => void): void {
  const sides = [client, agent];
  for (const side of sides) {
    side.setTimeout(0);
    side.setNoDelay(true);
    side.setKeepAlive(true, KEEP_ALIVE_MS);
    side.on('error', () => sides.forEach((each) => each.destroy()));
    side.once('close', () => {
      if (sides.every((each) => each.destroyed)) onEnd();
      else if (side.readableEnded) endSoon(sides);
      else sides.forEach((each) => each.destroy());
    });
    side.once('end', () => endSoon(sides));
  }
  client.once('end', () => agent.end());
  passReads(client, agent);
  client.write(first);
  agent.once('end', () => client.end());
  passReads(agent, client);
}

/** What is on its way may still arrive, at a slow reader too; a side that does not end then is cut. */
function endSoon(sides: readonly Socket[], until = Date.now() + FLUSH_TIMEOUT_MS): void {
  const look = (): void => {
    const isSent = sides.every((side) => side.destroyed || side.writableLength === 0);
    if (isSent || Date.now() >= until) sides.forEach((side) => side.destroy());
    else endSoon(sides, until);
  };
  setTimeout(look, END_GRACE_MS).unref();
}

class AnswerTimeout extends Error {
  readonly code = 'ETIMEDOUT';
}
