import { connect } from 'node:net';
import type { Socket, TcpNetConnectOpts } from 'node:net';

/** What a quiet connection holds. */
const FIRST_BUFFER_BYTES = 4 * 1024;
const MAX_BUFFER_BYTES = 256 * 1024;

/** Gets what is read. False stops the reading until the socket is resumed; until then the piece is the sink's. */
type Sink = (piece: Buffer) => boolean;

const sinks = new WeakMap<Socket, Sink>();

/**
 * A connection that reads into one buffer again and again once `readBulk` takes what it reads. By itself Node allocates a
 * buffer for each read, and all that memory outside of the heap makes V8 look through the heap again and again.
 */
export function connectBulk(options: TcpNetConnectOpts): Socket {
  let buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);
  const socket: Socket = connect({
    ...options,
    onread: {
      buffer: () => buffer,
      callback: (count) => {
        const piece = buffer.subarray(0, count);
        const sink = sinks.get(socket);
        if (sink === undefined) return socket.push(Buffer.from(piece));
        const goesOn = sink(piece);
        if (count === buffer.length && count < MAX_BUFFER_BYTES) buffer = Buffer.allocUnsafeSlow(4 * count);
        return goesOn;
      },
    },
  });
  return socket;
}

/** Takes what a connection reads from now on, whichever way it was opened. */
export function readBulk(socket: Socket, sink: Sink): void {
  const take = (piece: Buffer): boolean => {
    const goesOn = sink(piece);
    if (!goesOn) socket.pause();
    return goesOn;
  };
  sinks.set(socket, take);
  socket.on('data', take);
}
