import { Agent } from 'node:http';
import type { ClientRequestArgs } from 'node:http';
import type { Socket, TcpNetConnectOpts } from 'node:net';
import { connectBulk } from '../lib/bulk-socket.ts';

/** Well below the five minutes after which an agent closes a connection that nobody uses. */
const FREE_FOR_MS = 60_000;

/**
 * Connections to agents, kept by incarnation: an address passes from one sandbox to another, a connection
 * must not.
 */
export function createUpstreams(freeForMs = FREE_FOR_MS) {
  const agents = new Map<string, Agent>();
  /** Connections that have become WebSockets, which an agent no longer knows. */
  const attached = new Map<string, Set<() => void>>();
  const keyOf = ({ id, incarnation }: { id: string; incarnation: number }) => `${id}/${incarnation}`;
  return {
    of: (record: { id: string; incarnation: number }): Agent => {
      const key = keyOf(record);
      const known = agents.get(key);
      if (known) return known;
      const agent = new BulkAgent({
        keepAlive: true,
        // Ends connections that wait for a request; one in use only hears of it.
        timeout: freeForMs,
        maxFreeSockets: 8,
        scheduling: 'lifo',
      });
      agents.set(key, agent);
      return agent;
    },
    /** Remembers a connection of an incarnation by how it is cut, until the returned function is called. */
    attach: (record: { id: string; incarnation: number }, cut: () => void): (() => void) => {
      const key = keyOf(record);
      const cuts = attached.get(key) ?? new Set();
      attached.set(key, cuts.add(cut));
      return () => {
        if (cuts.delete(cut) && cuts.size === 0 && attached.get(key) === cuts) attached.delete(key);
      };
    },
    /** Cuts every connection to an incarnation, also those in use. */
    cut: (record: { id: string; incarnation: number }): void => {
      const key = keyOf(record);
      agents.get(key)?.destroy();
      agents.delete(key);
      for (const cut of attached.get(key) ?? []) cut();
    },
    cutAll: (): void => {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
      for (const cuts of attached.values()) for (const cut of cuts) cut();
    },
  };
}

/** Keeps connections that can be read into one buffer. */
class BulkAgent extends Agent {
  override createConnection(options: ClientRequestArgs): Socket {
    return connectBulk(options as TcpNetConnectOpts); // agents of sandboxes listen on TCP alone
  }
}
