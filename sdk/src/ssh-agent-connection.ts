import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A connection to an SSH agent of this machine: what is said on one belongs together. */
export interface SshAgentConnection {
  /** Asks one thing after the other; rejects once the agent has gone. */
  ask(message: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

const LENGTH_BYTES = 4;
const MAX_MESSAGE_BYTES = 256 * 1024;
/** What agents say to what they do not do. */
const failure = new Uint8Array([5]);

/** Listing keys, signing, and telling which connection a signature is for (draft-miller-ssh-agent, OpenSSH's PROTOCOL.agent). */
const REQUEST_IDENTITIES = 11;
const SIGN_REQUEST = 13;
const EXTENSION = 27;
const SESSION_BIND = 'session-bind@openssh.com';

/**
 * Connects to an agent for somebody else, who may use its keys and nothing more: not add, remove or lock any. That is
 * decided here, where the keys are.
 */
export async function openSshAgent(path: string): Promise<SshAgentConnection> {
  const socket = await open(path);
  const messages = readMessages(socket);
  return {
    ask: async (message) => {
      if (!mayBeAsked(message)) return failure;
      socket.write(framed(message));
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

function mayBeAsked(message: Uint8Array): boolean {
  const [type] = message;
  if (type === EXTENSION) {
    const view = Buffer.from(message);
    if (view.length < 1 + LENGTH_BYTES) return false;
    return (
      view.toString('latin1', 1 + LENGTH_BYTES, 1 + LENGTH_BYTES + view.readUInt32BE(1)) === SESSION_BIND
    );
  }
  return type === REQUEST_IDENTITIES || type === SIGN_REQUEST;
}

function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

async function* readMessages(socket: Socket): AsyncGenerator<Uint8Array, undefined> {
  let read = Buffer.alloc(0);
  for await (const chunk of socket) {
    read = Buffer.concat([read, chunk as Buffer]); // a socket without an encoding gives bytes
    while (read.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + read.readUInt32BE();
      if (end > LENGTH_BYTES + MAX_MESSAGE_BYTES) throw new Error('what the SSH agent says is too long');
      if (read.length < end) break;
      yield read.subarray(LENGTH_BYTES, end);
      read = read.subarray(end);
    }
  }
  return undefined;
}
