import { expect, test } from 'vitest';
import { asksForKeysAlone, readSshAgentMessages, toSshAgentMessage } from './ssh-agent-message.ts';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size: number): Promise<string[]> {
  const messages: string[] = [];
  for await (const message of readSshAgentMessages(inPieces(bytes, size)))
    messages.push(Buffer.from(message).toString('latin1'));
  return messages;
}

const said = ['a', 'x'.repeat(300), 'bc'];
const sent = Buffer.concat(said.map((one) => toSshAgentMessage(Buffer.from(one))));

test.each([1, 3, 4, 5, 299, 1000])('messages come whole out of pieces of %i bytes', async (size) => {
  expect(await read(sent, size)).toEqual(said);
});

test('the longest message in pieces of one byte is read in its time', async () => {
  const longest = toSshAgentMessage(new Uint8Array(256 * 1024));
  const [message] = await read(longest, 1);
  expect(message).toHaveLength(256 * 1024);
});

test.each([
  ['empty', [0, 0, 0, 0]],
  ['too long', [0, 4, 0, 1]],
  ['of another protocol', [...Buffer.from('GET / HTTP/1.1\r\n')]],
])('a message that is %s ends the reading', async (_, bytes) => {
  await expect(read(Uint8Array.from(bytes), 64)).rejects.toThrow('no message');
});

const extension = (name: string): Uint8Array =>
  Buffer.concat([Buffer.of(27), toSshAgentMessage(Buffer.from(name)), Buffer.from('rest')]);

test.each([
  ['to list the keys', Uint8Array.of(11), true],
  ['to sign', Uint8Array.of(13, 1, 2), true],
  ['to bind a session', extension('session-bind@openssh.com'), true],
  ['to restrict a key', extension('restrict-destination-v00@openssh.com'), false],
  ['something cut short', Uint8Array.of(27, 0, 0), false],
  ['to add a key', Uint8Array.of(17), false],
  ['to remove all keys', Uint8Array.of(19), false],
  ['to lock', Uint8Array.of(22), false],
  ['nothing', new Uint8Array(), false],
])('an agent may be asked %s: %j %s', (_, message, may) => {
  expect(asksForKeysAlone(message)).toBe(may);
});
