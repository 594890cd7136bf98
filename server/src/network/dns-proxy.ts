import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../lib/log.ts';
import { readDnsFrames, writeDnsFrame } from './dns-frame.ts';
import { DNS_CODE, DNS_TYPE, emptyAnswer, parseAnswer, parseQuery, withTtlAtMost } from './dns-message.ts';
import type { DnsAnswer, DnsQuestion } from './dns-message.ts';
import type { DnsTransport, DnsUpstream } from './dns-upstream.ts';

/** Who asks, as far as resolving depends on it. */
export interface DnsClient {
  mayResolve(name: string): boolean;
  /** Whether only some destinations are allowed: then names lead to those alone. */
  isListed(): boolean;
  /** The longest that an answer may be kept where destinations are listed. */
  maxTtlSecs: number;
  /** Resolves once what the answer leads to may be reached. `full`: there is no room for its addresses. */
  admit(answer: DnsAnswer): Promise<'admitted' | 'refused' | 'full'>;
}

export interface DnsProxyOptions {
  /** Where sandboxes ask. */
  address: string;
  port?: number;
  upstream: DnsUpstream;
  /** The sandbox with this source address; the ruleset makes sure that it is the one that sent. */
  clientAt: (sourceAddress: string) => DnsClient | undefined;
  log: Log;
}

export interface DnsProxy {
  close(): Promise<void>;
}

const DNS_PORT = 53;
const MAX_QUERIES_PER_CLIENT = 64;
const MAX_CONNECTIONS_PER_CLIENT = 8;
const TCP_IDLE_MS = 10_000;
const TCP_DRAIN_MS = 2_000;
const TCP_PACE_MS = 5;
/** Questions are short: a name has at most 255 bytes. */
const MAX_TCP_QUERY_BYTES = 4_096;

/**
 * The sandboxes' resolver. It forwards to the host's resolvers, which sandboxes need not reach, and answers nobody
 * else. Sandboxes have no IPv6, so a name has no IPv6 address in them.
 */
export async function createDnsProxy(options: DnsProxyOptions): Promise<DnsProxy> {
  const answer = createAnswerer(options);
  const udp = await listenUdp(options, answer);
  const tcp = await listenTcp(options, answer).catch((error: unknown) => {
    udp.close();
    throw error;
  });
  return {
    close: async () => {
      await Promise.all([new Promise<void>((resolve) => udp.close(resolve)), tcp.close()]);
    },
  };
}

type Answerer = (query: Buffer, source: string, transport: DnsTransport) => Promise<Buffer | undefined>;

/** Answers a packet, or keeps silent (undefined). Never more than a bounded number at once for one client. */
function createAnswerer(options: DnsProxyOptions): Answerer {
  const inFlight = createQuota(MAX_QUERIES_PER_CLIENT);
  return async (packet, source, transport) => {
    const query = parseQuery(packet);
    if (query.kind === 'noise') return undefined;
    if (query.kind === 'invalid') return emptyAnswer(packet, query.code);
    const { question } = query;
    const client = options.clientAt(source);
    if (client?.mayResolve(question.name) !== true) return emptyAnswer(packet, DNS_CODE.refused, question);
    if (isEmptyFor(client, question)) return emptyAnswer(packet, DNS_CODE.noError, question);
    if (!inFlight.enter(source)) return emptyAnswer(packet, DNS_CODE.serverFailure, question);
    try {
      return await forward(options, client, packet, question, transport);
    } finally {
      inFlight.leave(source);
    }
  };
}

/** There is no IPv6. The addresses in a service's records would be used without having been asked for. */
function isEmptyFor(client: DnsClient, { type }: DnsQuestion): boolean {
  if (type === DNS_TYPE.AAAA) return true;
  return client.isListed() && (type === DNS_TYPE.HTTPS || type === DNS_TYPE.SVCB);
}

const codes = { refused: DNS_CODE.refused, full: DNS_CODE.serverFailure } as const;

/** The ruleset lets an address through before the client knows of it. */
async function forward(
  options: DnsProxyOptions,
  client: DnsClient,
  packet: Buffer,
  question: DnsQuestion,
  transport: DnsTransport,
): Promise<Buffer> {
  const response = await options.upstream.ask(packet, question, transport);
  const answer = response && parseAnswer(response);
  if (response === undefined || answer === undefined)
    return emptyAnswer(packet, DNS_CODE.serverFailure, question);
  const outcome = await client.admit(answer);
  if (outcome !== 'admitted') return emptyAnswer(packet, codes[outcome], question);
  return client.isListed() ? withTtlAtMost(response, client.maxTtlSecs) : response;
}

/** A client that has gone does not matter, and a sandbox must not be able to end the server. */
function listenUdp(options: DnsProxyOptions, answer: Answerer): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  const reply = async (packet: Buffer, from: RemoteInfo): Promise<void> => {
    const message = await answer(packet, from.address, 'udp');
    if (message !== undefined) socket.send(message, from.port, from.address, () => {});
  };
  socket.on('message', (packet, from) => {
    reply(packet, from).catch((error: unknown) => options.log.warn({ err: error }, 'name query failed'));
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(options.port ?? DNS_PORT, options.address, () => {
      socket.removeListener('error', reject);
      socket.on('error', (error) => options.log.warn({ err: error }, 'resolver socket failed'));
      resolve(socket);
    });
  });
}

function listenTcp(options: DnsProxyOptions, answer: Answerer): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const connections = createQuota(MAX_CONNECTIONS_PER_CLIENT);
  const server = createServer((socket) => {
    const source = socket.remoteAddress ?? '';
    if (!connections.enter(source)) return socket.destroy();
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      connections.leave(source);
    });
    serveConnection(socket, source, answer, options.log);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? DNS_PORT, options.address, () => {
      server.removeListener('error', reject);
      server.on('error', (error) => options.log.warn({ err: error }, 'resolver socket failed'));
      resolve({ close: () => closeServer(server, sockets) });
    });
  });
}

/**
 * One query after the other, at a bounded pace, and the next only once the client has taken the answer. Reading stops
 * meanwhile, so a client cannot queue more than a chunk's worth.
 */
function serveConnection(socket: Socket, source: string, answer: Answerer, log: Log): void {
  const frames: Buffer[] = [];
  let isServing = false;
  const serve = async (): Promise<void> => {
    for (let frame = frames.shift(); frame !== undefined && !socket.destroyed; frame = frames.shift()) {
      const message = await answer(frame, source, 'tcp');
      if (message === undefined) return void socket.destroy();
      if (!socket.destroyed && !writeDnsFrame(socket, message)) await drained(socket);
      await sleep(TCP_PACE_MS);
    }
    isServing = false;
    socket.resume();
  };
  const failed = (error: unknown): void => {
    log.warn({ err: error }, 'name query failed');
    socket.destroy();
  };
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on('error', () => {});
  const onFrame = (frame: Buffer): void => {
    frames.push(frame);
    socket.pause();
    if (isServing) return;
    isServing = true;
    serve().catch(failed);
  };
  readDnsFrames(socket, onFrame, MAX_TCP_QUERY_BYTES);
}

/** A client that does not read for this long is given up. */
async function drained(socket: Socket): Promise<void> {
  const signal = AbortSignal.timeout(TCP_DRAIN_MS);
  await once(socket, 'drain', { signal }).catch(() => socket.destroy());
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

function createQuota(max: number): { enter(key: string): boolean; leave(key: string): void } {
  const counts = new Map<string, number>();
  return {
    enter(key) {
      const count = counts.get(key) ?? 0;
      if (count >= max) return false;
      counts.set(key, count + 1);
      return true;
    },
    leave(key) {
      const count = (counts.get(key) ?? 0) - 1;
      if (count > 0) counts.set(key, count);
      else counts.delete(key);
    },
  };
}
