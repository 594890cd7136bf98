import { Agent } from 'node:http';
import type { ClientRequestArgs } from 'node:http';
import type { ClientHttp2Session, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Below the 5 s after which common servers close a connection that nobody uses. */
const FREE_FOR_MS = 2_000;
const MAX_FREE_SOCKETS = 8;

interface Incarnation {
  id: string;
  incarnation: number;
}

/** Everything that is open to one exposed port. */
export interface PortUpstream {
  /** Connections for requests without a body, which may be sent again if a kept one turns out to be closed. */
  readonly agent: Agent;
  /** The HTTP/2 session that the calls of a client's connection share, once there is one. */
  readonly sessions: WeakMap<Http2Session, Promise<ClientHttp2Session>>;
  /** Remembers a connection by how it is cut, until the returned function is called. */
  attach: (cut: () => void) => () => void;
  cut: () => void;
}

/**
 * Connections to exposed ports, kept by incarnation and port: an address passes from one sandbox to another, a
 * connection must not.
 */
export function createPortUpstreams() {
  const incarnations = new Map<string, Map<number, PortUpstream>>();
  const keyOf = ({ id, incarnation }: Incarnation): string => `${id}/${incarnation}`;
  const cut = (record: Incarnation, isCut: (port: number) => boolean): void => {
    const ports = incarnations.get(keyOf(record));
    for (const [port, upstream] of ports ?? []) {
      if (!isCut(port)) continue;
      ports?.delete(port);
      upstream.cut();
    }
    if (ports?.size === 0) incarnations.delete(keyOf(record));
  };
  return {
    of: (record: Incarnation, port: number): PortUpstream => {
      const ports = incarnations.get(keyOf(record)) ?? new Map<number, PortUpstream>();
      incarnations.set(keyOf(record), ports);
      const upstream = ports.get(port) ?? openUpstream();
      ports.set(port, upstream);
      return upstream;
    },
    cut,
    cutAll: (): void => {
      for (const ports of incarnations.values()) for (const upstream of ports.values()) upstream.cut();
      incarnations.clear();
    },
  };
}

function openUpstream(): PortUpstream {
  const agent = new PortAgent();
  const cuts = new Set<() => void>();
  return {
    agent,
    sessions: new WeakMap(),
    attach: (cut) => {
      cuts.add(cut);
      return () => void cuts.delete(cut);
    },
    cut: () => {
      agent.destroy();
      for (const cut of cuts) cut();
    },
  };
}

/** How a request gets its connection. */
export type Connect = (until?: AbortSignal) => Promise<Socket>;

/** Options of a request that say how its connection is made. */
export interface PortRequestArgs extends ClientRequestArgs {
  connectPort: Connect;
}

/** Keeps connections that were made in a way of their own. */
class PortAgent extends Agent {
  constructor() {
    super({ keepAlive: true, timeout: FREE_FOR_MS, maxFreeSockets: MAX_FREE_SOCKETS, scheduling: 'lifo' });
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    // Every request of this agent is made by `callPort`, which says how.
    connectWith((options as PortRequestArgs).connectPort, callback);
    return undefined;
  }
}

/** A connection of `http.request` that is made elsewhere. */
export function connectWith(
  connect: Connect,
  callback?: (error: Error | null, stream: Duplex) => void,
): undefined {
  connect().then(
    (socket) => callback?.(null, socket),
    // The stream is not read where there is an error.
    (error: Error) => callback?.(error, undefined as unknown as Duplex),
  );
  return undefined;
}
