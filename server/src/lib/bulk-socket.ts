import { connect } from 'node:net';
import type { Socket, TcpNetConnectOpts } from 'node:net';
import type { Writable } from 'node:stream';

/** What a quiet connection holds. */
const FIRST_BUFFER_BYTES = 4 * 1024;
/** As large as what Node reads at once by itself. */
const MAX_PIECE_BYTES = 64 * 1024;
/** What one read of a connection that is passed on may bring: the work for one connection in one turn. */
const MAX_BULK_BYTES = 256 * 1024;

/** Gets what is read. False stops the reading until the socket is resumed; until then `piece` is the sink's. */
type Sink = (piece: Buffer) => boolean;

const sinks = new WeakMap<Socket, Sink>();

/**
 * A connection that reads into one buffer again and again once `passReads` passes it on. By itself Node allocates a
 * buffer for each read; that is memory outside of the heap, and every 32 MB of it make V8 look through the whole
 * heap, which took more time than the bytes did. Until it is passed on, it is a socket like any other.
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
        if (sink === undefined) {
          if (count < buffer.length) return socket.push(Buffer.from(piece));
          buffer = Buffer.allocUnsafeSlow(nextLength(buffer, count, MAX_PIECE_BYTES));
          return socket.push(piece);
        }
        const goesOn = sink(piece);
        const length = nextLength(buffer, count, MAX_BULK_BYTES);
        if (length !== buffer.length) buffer = Buffer.allocUnsafeSlow(length);
        return goesOn;
      },
    },
  });
  return socket;
}

/** Grows with reads that fill it. */
const nextLength = ({ length }: Buffer, count: number, maxLength: number): number =>
  count === length ? Math.max(length, Math.min(4 * length, maxLength)) : length;

/**
 * Passes on what a connection reads from now on, at the pace of `to`: what is not written at once holds up the
 * reading, which keeps the one buffer from being read into while it is still being written. `take` says what of a
 * piece is passed on. Ends are the caller's.
 */
export function passReads(from: Socket, to: Writable, take = (piece: Buffer): Buffer => piece): void {
  let isWaiting = false;
  const onWritten = (): void => {
    if (!isWaiting || to.writableLength > 0) return;
    isWaiting = false;
    from.resume();
  };
  const pass = (piece: Buffer): boolean => {
    if (!to.writable) return false;
    to.write(take(piece), onWritten);
    isWaiting = to.writableLength > 0;
    if (isWaiting) from.pause();
    return !isWaiting;
  };
  sinks.set(from, pass);
  from.on('data', pass);
  from.resume();
}
