import { createInterface } from 'node:readline';
import type { Socket } from 'node:net';
import type { Connection } from 'ssh2';
import { joinSockets } from './join-sockets.ts';

/** Opens a plain connection to a route of the agent. */
export type AskAgent = (path: string) => Promise<Socket>;

interface Accepted {
  id: string;
  from: string;
  port: number;
}

const MAX_LISTENERS = 32;

/** Ports of the sandbox that are brought to the client (`-R`): the agent listens, each connection becomes a channel. */
export function createRemoteForwards(client: Connection, ask: AskAgent) {
  const listeners = new Map<string, Socket>();

  const passOn = async (address: string, bound: number, { id, from, port }: Accepted): Promise<void> => {
    const accepted = await ask(`/internal/v1/accepted/${encodeURIComponent(id)}`);
    client.forwardOut(address, bound, from, port, (error, channel) => {
      if (error !== undefined) return void accepted.destroy();
      joinSockets(channel, accepted);
    });
  };

  return {
    /** Listens; resolves with the port, which 0 leaves to the system. */
    open: async (address: string, port: number): Promise<number> => {
      if (listeners.size >= MAX_LISTENERS) throw new Error('too many ports are forwarded');
      const query = new URLSearchParams({ host: address, port: String(port) });
      const control = await ask(`/internal/v1/listen?${query}`);
      control.on('error', () => control.destroy());
      const lines = createInterface({ input: control });
      return await new Promise((resolve, reject) => {
        control.once('close', () => reject(new Error('the port cannot be opened')));
        let bound: number | undefined;
        lines.on('line', (line) => {
          // The agent's own words, or those of root in the sandbox: a wrong one ends this forward alone.
          const told = parseLine(line);
          if (told === undefined) return void control.destroy();
          if (bound === undefined) {
            bound = told.port;
            const key = `${address} ${bound}`;
            listeners.set(key, control);
            control.once('close', () => listeners.delete(key));
            return resolve(bound);
          }
          passOn(address, bound, told).catch(() => {});
        });
      });
    },
    cancel: (address: string, port: number): boolean => {
      const control = listeners.get(`${address} ${port}`);
      control?.destroy();
      return control !== undefined;
    },
    close: (): void => listeners.forEach((control) => control.destroy()),
  };
}

function parseLine(line: string): Accepted | undefined {
  try {
    const { id = '', from = '', port } = JSON.parse(line) as Partial<Accepted>; // checked below
    const isSound = typeof id === 'string' && typeof from === 'string' && Number.isInteger(port);
    return isSound ? { id, from, port: Number(port) } : undefined;
  } catch {
    return undefined;
  }
}
