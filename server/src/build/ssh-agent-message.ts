import type { Readable } from 'node:stream';

/** OpenSSH's own bound (AGENT_MAX_LEN). */
const MAX_MESSAGE_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;

/** A message as it is sent: its length, then what it says (draft-miller-ssh-agent, section 3). */
export function toAgentMessage(said: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(said.length);
  return Buffer.concat([length, said]);
}

/** What is said on a connection to an SSH agent, message by message. Throws at what is none. */
export async function* readAgentMessages(connection: Readable): AsyncGenerator<Buffer> {
  let read = Buffer.alloc(0);
  for await (const chunk of connection) {
    read = Buffer.concat([read, chunk as Buffer]); // a stream without an encoding gives bytes
    for (let end = endOf(read); end !== undefined; end = endOf(read)) {
      yield read.subarray(LENGTH_BYTES, end);
      read = read.subarray(end);
    }
  }
}

/** Where the first message ends, once all of it is there. */
function endOf(read: Buffer): number | undefined {
  if (read.length < LENGTH_BYTES) return undefined;
  const length = read.readUInt32BE();
  if (length === 0 || length > MAX_MESSAGE_BYTES) throw new Error('this is no message to an SSH agent');
  const end = LENGTH_BYTES + length;
  return read.length < end ? undefined : end;
}
