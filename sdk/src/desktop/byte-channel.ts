import type WebSocket from 'ws';
import { SandboxConnectionError } from '../errors.ts';
import { sendMessage } from '../sandbox-socket.ts';

/** What has come and nobody has read yet, beyond which the socket waits. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
/** More pieces become one: each is memory of its own, however small it is. */
const MAX_PIECES = 1024;

/** The bytes of a connection, one reader at a time; messages of the WebSocket are no boundaries. */
export class ByteChannel {
  readonly #socket: WebSocket;
  #chunks: Buffer[] = [];
  #length = 0;
  #wake: () => void = () => {};
  #failure: unknown;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (message: Buffer) => this.#take(message));
    socket.once('close', () =>
      this.#fail(new SandboxConnectionError('the desktop has closed the connection')),
    );
    socket.on('error', (error) => this.#fail(error));
    socket.resume();
  }

  send(data: Uint8Array): Promise<void> {
    return sendMessage(this.#socket, data);
  }

  /** Exactly so many bytes; rejects when the connection ends before. */
  async read(length: number): Promise<Buffer> {
    while (this.#length < length) {
      if (this.#failure !== undefined) throw this.#failure;
      // A reader that waits needs more than what is queued, however much that is.
      this.#socket.resume();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const bytes = this.#remove(length);
    if (this.#length <= MAX_QUEUED_BYTES) this.#socket.resume();
    return bytes;
  }

  /** Passes over bytes without keeping them. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; left -= MAX_QUEUED_BYTES)
      await this.read(Math.min(left, MAX_QUEUED_BYTES));
  }

  close(): void {
    this.#fail(new SandboxConnectionError('the desktop is closed'));
    this.#socket.terminate();
  }

  #take(message: Buffer): void {
    this.#chunks.push(message);
    if (this.#chunks.length > MAX_PIECES) this.#chunks = [Buffer.concat(this.#chunks)];
    this.#length += message.length;
    if (this.#length > MAX_QUEUED_BYTES) this.#socket.pause();
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  #remove(length: number): Buffer {
    this.#length -= length;
    const taken: Buffer[] = [];
    for (let left = length; left > 0;) {
      const chunk = this.#chunks[0] ?? Buffer.alloc(left); // there is enough: `read` has waited for it
      taken.push(chunk.subarray(0, left));
      if (chunk.length > left) this.#chunks[0] = chunk.subarray(left);
      else this.#chunks.shift();
      left -= Math.min(left, chunk.length);
    }
    return taken.length === 1 ? (taken[0] ?? Buffer.alloc(0)) : Buffer.concat(taken);
  }
}
