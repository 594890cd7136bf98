import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { answersQuestion } from './dns-message.ts';
import type { DnsQuestion } from './dns-message.ts';
import { readDnsFrames, writeDnsFrame } from './dns-frame.ts';
import type { ResolverAddress } from './resolver-list.ts';

export type DnsTransport = 'udp' | 'tcp';

export interface DnsUpstreamOptions {
  /** The host's resolvers, asked in this order. */
  resolvers: () => Promise<readonly ResolverAddress[]>;
  /** How long one resolver has; with `attempts` rounds over all of them this bounds a query. */
  timeoutMs?: number;
  attempts?: number;
}

export interface DnsUpstream {
  /** The answer as it came, under the id of the query; undefined when no resolver gave one. */
  ask(query: Buffer, question: DnsQuestion, transport: DnsTransport): Promise<Buffer | undefined>;
}

const DEFAULT_TIMEOUT_MS = 2_000;
const DEFAULT_ATTEMPTS = 2;

/** Forwards queries, each from a port and under an id of its own, so that answers cannot be guessed into. */
export function createDnsUpstream(options: DnsUpstreamOptions): DnsUpstream {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, attempts = DEFAULT_ATTEMPTS } = options;
  return {
    async ask(query, question, transport) {
      const resolvers = await options.resolvers();
      for (let attempt = 0; attempt < attempts; attempt++) {
        for (const resolver of resolvers) {
          const answer = await askOne(query, question, resolver, transport, timeoutMs);
          if (answer !== undefined) return withId(answer, query.readUInt16BE(0));
        }
      }
      return undefined;
    },
  };
}

function askOne(
  query: Buffer,
  question: DnsQuestion,
  resolver: ResolverAddress,
  transport: DnsTransport,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  const id = randomInt(0x10000);
  const accepts = (answer: Buffer): boolean => answersQuestion(answer, id, question);
  const exchange = transport === 'udp' ? exchangeUdp : exchangeTcp;
  return exchange(withId(query, id), resolver, accepts, timeoutMs);
}

type Accepts = (answer: Buffer) => boolean;

/** The socket is connected: the kernel hands it packets of this resolver only, and its refusals. */
function exchangeUdp(
  query: Buffer,
  resolver: ResolverAddress,
  accepts: Accepts,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(resolver.host) ? 'udp6' : 'udp4');
    let isFinished = false;
    const finish = (answer?: Buffer): void => {
      if (isFinished) return;
      isFinished = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.once('error', () => finish());
    socket.on('message', (message) => accepts(message) && finish(message));
    // Without a route the callback gets an error, and sending would throw where nobody catches.
    socket.connect(resolver.port, resolver.host, (error?: Error) =>
      error === undefined ? socket.send(query, () => {}) : finish(),
    );
  });
}

function exchangeTcp(
  query: Buffer,
  resolver: ResolverAddress,
  accepts: Accepts,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(resolver.port, resolver.host, () => writeDnsFrame(socket, query));
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    readDnsFrames(socket, (frame) => {
      if (!accepts(frame)) return;
      resolve(frame);
      socket.destroy();
    });
  });
}

function withId(packet: Buffer, id: number): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(id, 0);
  return copy;
}
