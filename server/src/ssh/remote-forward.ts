import type { Connection } from 'ssh2';
import { listenInSandbox } from '../agent/sandbox-listener.ts';
import type { AcceptedConnection, AskAgent, SandboxListener } from '../agent/sandbox-listener.ts';
import { joinSockets } from './join-sockets.ts';

const MAX_LISTENERS = 32;

/** Ports of the sandbox that are brought to the client (`-R`): the agent listens, each connection becomes a channel. */
export function createRemoteForwards(client: Connection, ask: AskAgent) {
  const listeners = new Map<string, SandboxListener>();

  const passOn = (address: string, { from, fromPort, port, socket }: AcceptedConnection): void => {
    client.forwardOut(address, port, from, fromPort, (error, channel) => {
      if (error !== undefined) return void socket.destroy();
      joinSockets(channel, socket);
    });
  };

  return {
    /** Listens; resolves with the port, which 0 leaves to the system. */
    open: async (address: string, port: number): Promise<number> => {
      if (listeners.size >= MAX_LISTENERS) throw new Error('too many ports are forwarded');
      const listener = await listenInSandbox(ask, { host: address, port }, (accepted) =>
        passOn(address, accepted),
      );
      const key = `${address} ${listener.port}`;
      listeners.set(key, listener);
      listener.onClose(() => listeners.delete(key));
      return listener.port;
    },
    cancel: (address: string, port: number): boolean => {
      const listener = listeners.get(`${address} ${port}`);
      void listener?.close();
      return listener !== undefined;
    },
    close: (): void => listeners.forEach((listener) => void listener.close()),
  };
}
