import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { asksForKeysAlone, readSshAgentMessages, sshAgentFailure, toSshAgentMessage } from '@atoll/protocol';

/** A connection to an SSH agent of this machine: what is said on one belongs together. */
export interface SshAgentConnection {
  /** Asks one thing after the other; rejects once the agent has gone. */
  ask(message: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

/**
 * Connects to an agent for somebody else, who may use its keys and nothing more: not add, remove or lock any. That is
 * decided here, where the keys are, as well as by the server.
 */
export async function openSshAgent(path: string): Promise<SshAgentConnection> {
  const socket = await open(path);
  const messages = readSshAgentMessages(socket);
  return {
    ask: async (message) => {
      if (!asksForKeysAlone(message)) return sshAgentFailure;
      socket.write(toSshAgentMessage(message));
      const { value, done } = await messages.next();
      if (done) throw new Error(`the SSH agent at ${path} has ended`);
      return value;
    },
    close: () => void socket.destroy(),
  };
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // Whoever waits for an answer learns of it.
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}
