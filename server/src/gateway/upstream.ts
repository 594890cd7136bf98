import { Agent } from 'node:http';

const KEEP_ALIVE_MS = 60_000;

/**
 * Connections to agents, kept by incarnation: an address passes from one sandbox to another, a connection
 * must not.
 */
export function createUpstreams() {
  const agents = new Map<string, Agent>();
  const keyOf = ({ id, incarnation }: { id: string; incarnation: number }) => `${id}/${incarnation}`;
  return {
    of: (record: { id: string; incarnation: number }): Agent => {
      const key = keyOf(record);
      const known = agents.get(key);
      if (known) return known;
      const agent = new Agent({
        keepAlive: true,
        keepAliveMsecs: KEEP_ALIVE_MS,
        maxFreeSockets: 8,
        scheduling: 'lifo',
      });
      agents.set(key, agent);
      return agent;
    },
    /** Cuts every connection to an incarnation, also those in use. */
    cut: (record: { id: string; incarnation: number }): void => {
      agents.get(keyOf(record))?.destroy();
      agents.delete(keyOf(record));
    },
    cutAll: (): void => {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}
