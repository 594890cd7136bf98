/** OpenSSH's own bound (AGENT_MAX_LEN). */
const MAX_MESSAGE_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;

/** What agents answer when they do not do what they are asked (SSH_AGENT_FAILURE). */
export const sshAgentFailure: Uint8Array = Uint8Array.of(5);

const REQUEST_IDENTITIES = 11;
const SIGN_REQUEST = 13;
const EXTENSION = 27;
const SESSION_BIND = 'session-bind@openssh.com';

/**
 * Whether a message asks an agent for no more than to list keys, to sign, or to take note which connection a signature is
 * for: not to add, remove or lock any (draft-miller-ssh-agent; OpenSSH's PROTOCOL.agent).
 */
export function asksForKeysAlone(message: Uint8Array): boolean {
  const [type] = message;
  if (type === EXTENSION) return extensionOf(message) === SESSION_BIND;
  return type === REQUEST_IDENTITIES || type === SIGN_REQUEST;
}

function extensionOf(message: Uint8Array): string | undefined {
  if (message.length < 1 + LENGTH_BYTES) return undefined;
  const start = 1 + LENGTH_BYTES;
  return new TextDecoder('latin1').decode(message.subarray(start, start + lengthAt(message, 1)));
}

/** A message as it is sent: its length, then what it says (draft-miller-ssh-agent, section 3). */
export function toSshAgentMessage(said: Uint8Array): Uint8Array {
  const message = new Uint8Array(LENGTH_BYTES + said.length);
  new DataView(message.buffer).setUint32(0, said.length);
  message.set(said, LENGTH_BYTES);
  return message;
}

/** What is said on a connection to an SSH agent, message by message, in whatever pieces it comes. Throws at what is none. */
export async function* readSshAgentMessages(
  connection: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  let needed = LENGTH_BYTES;
  for await (const piece of connection) {
    pieces.push(piece);
    length += piece.length;
    // Put together only where that gets further: pieces of one byte would be copied for each other byte.
    while (length >= needed) {
      const read = pieces.length === 1 && pieces[0] ? pieces[0] : concat(pieces, length);
      const end = LENGTH_BYTES + messageLength(read);
      const isWhole = read.length >= end;
      if (isWhole) yield read.subarray(LENGTH_BYTES, end);
      pieces = [isWhole ? read.subarray(end) : read];
      length = isWhole ? read.length - end : read.length;
      needed = isWhole ? LENGTH_BYTES : end;
    }
  }
}

function messageLength(read: Uint8Array): number {
  const length = lengthAt(read, 0);
  if (length > 0 && length <= MAX_MESSAGE_BYTES) return length;
  throw new Error('this is no message to or from an SSH agent');
}

const lengthAt = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);

function concat(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
