import fc from 'fast-check';
import { expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { encodeClose, encodeFrame, FrameReader, opcodes } from './frame.ts';
import { openByteSocket } from './byte-socket.ts';

interface Read {
  data: Buffer;
  pings: string[];
  pongs: number;
  closed?: { code: number; reason: string };
}

/** What a reader finds in a stream that is cut at these places. */
function readFrames(stream: Buffer, cuts: readonly number[] = []): Read {
  const found: Read = { data: Buffer.alloc(0), pings: [], pongs: 0 };
  const reader = new FrameReader({
    onData: (piece) => (found.data = Buffer.concat([found.data, piece])),
    onPing: (payload) => found.pings.push(payload.toString('latin1')),
    onPong: () => (found.pongs += 1),
    onClose: (closing) => (found.closed = closing),
  });
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  places.slice(1).forEach((to, index) => reader.push(stream.subarray(places[index], to)));
  return found;
}

/** A frame as servers send it. */
function frame(opcode: number, payload: Uint8Array, { isLast = true, masked = false } = {}): Buffer {
  const { length } = payload;
  const header =
    length < 126
      ? Buffer.from([0, length])
      : length <= 0xff_ff
        ? Buffer.from([0, 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([0, 127, 0, 0, 0, 0]), int32(length)]);
  header[0] = (isLast ? 0x80 : 0) | opcode;
  if (masked) header[1] = (header[1] ?? 0) | 0x80;
  return Buffer.concat([header, payload]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const cuts = fc.array(fc.nat(), { maxLength: 20 });
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.nat({ max: 70_000 }).map((length) => Buffer.alloc(length, 'x')),
);

test('messages whole and in pieces, with control frames between them, arrive as their bytes wherever the stream is cut', () => {
  const message = fc.record({
    parts: fc.array(payload, { minLength: 1, maxLength: 3 }),
    pings: fc.boolean(),
  });
  const played = fc.property(fc.array(message, { maxLength: 5 }), cuts, (messages, places) => {
    const frames = messages.flatMap(({ parts, pings }) =>
      parts.flatMap((part, index) => [
        frame(index === 0 ? opcodes.binary : opcodes.continuation, part, {
          isLast: index === parts.length - 1,
        }),
        ...(pings ? [frame(opcodes.ping, Buffer.from('?')), frame(opcodes.pong, Buffer.alloc(0))] : []),
      ]),
    );
    const read = readFrames(Buffer.concat(frames), places);
    expect(read.data.equals(Buffer.concat(messages.flatMap(({ parts }) => parts)))).toBe(true);
    const count = messages.filter(({ pings }) => pings).flatMap(({ parts }) => parts).length;
    expect([read.pings.length, read.pongs]).toEqual([count, count]);
  });
  fc.assert(played, { numRuns: 200 });
});

test('a stream of any bytes is read or refused, wherever it is cut, in the same way', () => {
  const outcome = (stream: Buffer, places: readonly number[]): unknown => {
    try {
      return readFrames(stream, places);
    } catch (error) {
      return error instanceof Error ? error.message : error;
    }
  };
  const played = fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, places) => {
    expect(outcome(Buffer.from(bytes), places)).toEqual(outcome(Buffer.from(bytes), []));
  });
  fc.assert(played, { numRuns: 500 });
});

test.each([
  ['a reserved bit', Buffer.from([0xc2, 0]), 1002],
  ['a mask', frame(opcodes.binary, Buffer.alloc(4), { masked: true }), 1002],
  ['text', frame(opcodes.text, Buffer.from('x')), 1003],
  ['an unknown opcode for data', frame(3, Buffer.alloc(0)), 1002],
  ['an unknown opcode for control', frame(11, Buffer.alloc(0)), 1002],
  ['a continuation of nothing', frame(opcodes.continuation, Buffer.alloc(1)), 1002],
  [
    'a message within another',
    Buffer.concat([
      frame(opcodes.binary, Buffer.alloc(1), { isLast: false }),
      frame(opcodes.binary, Buffer.alloc(1)),
    ]),
    1002,
  ],
  ['a control frame in pieces', frame(opcodes.ping, Buffer.alloc(0), { isLast: false }), 1002],
  ['a control frame that is too long', frame(opcodes.ping, Buffer.alloc(126)), 1002],
  ['a length of two bytes for a short payload', Buffer.from([0x82, 126, 0, 125]), 1002],
  [
    'a length of eight bytes for a short payload',
    Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
    1002,
  ],
  ['a length beyond all', Buffer.from([0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), 1002],
  ['half a code of a Close frame', frame(opcodes.close, Buffer.from([3])), 1002],
  ['a Close frame with a code that is only told', frame(opcodes.close, Buffer.from([3, 0xed])), 1002],
  ['a Close frame with a broken reason', frame(opcodes.close, Buffer.from([3, 0xe8, 0xff])), 1007],
])('%s of a server is refused', (_name, stream, code) => {
  expect(() => readFrames(stream)).toThrow(expect.objectContaining({ name: 'FrameError', code }));
});

test('what comes after a Close frame is not looked at', () => {
  const close = frame(opcodes.close, Buffer.from([3, 0xe8, 0x62, 0x79, 0x65]));
  expect(readFrames(Buffer.concat([close, Buffer.from([0xff, 0xff])]))).toMatchObject({
    closed: { code: 1000, reason: 'bye' },
  });
  expect(readFrames(frame(opcodes.close, Buffer.alloc(0))).closed).toEqual({ code: 1005, reason: '' });
});

test('what is sent is unmasked to what it was, whatever its length', () => {
  const played = fc.property(payload, (bytes) => {
    const sent = encodeFrame(opcodes.binary, bytes);
    const short = (sent[1] ?? 0) & 0x7f;
    const at = short === 126 ? 4 : short === 127 ? 10 : 2;
    const length = short === 126 ? sent.readUInt16BE(2) : short === 127 ? sent.readUInt32BE(6) : short;
    expect([sent[0], (sent[1] ?? 0) & 0x80, length]).toEqual([0x82, 0x80, bytes.length]);
    const mask = sent.subarray(at, at + 4);
    const plain = sent.subarray(at + 4).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    expect(Buffer.from(plain).equals(Buffer.from(bytes))).toBe(true);
  });
  fc.assert(played, { numRuns: 200 });
  expect(encodeClose({ code: 1000, reason: 'x'.repeat(500) }).length).toBe(2 + 4 + 125);
});

test('another implementation understands it, both ways and to the end', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.on('connection', (peer: WebSocket) => {
    peer.on('message', (message: Buffer) => peer.send(message));
    peer.once('close', (code) => server.emit('told', code));
  });
  try {
    const socket = await openByteSocket(`ws://127.0.0.1:${port}/`, {});
    const sent = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
    const got: Buffer[] = [];
    const told = once(server, 'told');
    const ended = new Promise<void>((resolve) =>
      socket.start({
        onData: (piece) => {
          got.push(Buffer.from(piece));
          if (Buffer.concat(got).length === sent.length) socket.end();
          return true;
        },
        onClose: resolve,
      }),
    );
    for (let at = 0; at < sent.length; at += 70_001) socket.send(sent.subarray(at, at + 70_001));
    await ended;
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    expect((await told)[0]).toBe(1000);
  } finally {
    server.close();
  }
});
