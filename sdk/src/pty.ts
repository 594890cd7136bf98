import { openMessageSocket } from '#platform';
import { SandboxConnectionError, SandboxError } from './errors.ts';
import type { MessageSocket } from './message-socket.ts';

/** First bytes of the frames (wire 2.5). */
const FRAME = { data: 0, resize: 1, ready: 2, exit: 3 } as const;
const INPUT_CHUNK_BYTES = 32 * 1024;
/** The sandbox refuses clients that type more than 1 MiB in a second. */
const INPUT_BYTES_PER_SECOND = 768 * 1024;
/** Output that an iterator has not taken yet; beyond it the process waits. */
const MAX_QUEUED_BYTES = 1024 * 1024;

export interface PtyConnectionOptions {
  /** Gets output as it comes, what was printed before included. */
  onData?: (data: Uint8Array) => void;
  onExit?: (exitCode: number) => void;
}

/** What a terminal session is made of. */
export interface PtyParts {
  sessionId: string;
  token: string;
  websocketUrl: string;
  headers: Record<string, string>;
  kill: () => Promise<void>;
}

/**
 * A terminal in a sandbox. Output goes to `onData` handlers, or to whoever iterates over the terminal; until somebody
 * listens, it waits. Others may be attached to the same session: all see the same, all may type.
 *
 * @example
 * const pty = await sandbox.createPty({ command: 'bash', onData: (data) => process.stdout.write(data) });
 * await pty.sendInput('exit 7\n');
 * await pty.wait(); // 7
 */
export class Pty implements AsyncIterable<Uint8Array> {
  /** For `connectPty`. */
  readonly sessionId: string;
  /** What `connectPty` needs beside the id: whoever has it may type. */
  readonly token: string;
  /** For a WebSocket client of your own; it needs the token and an API key in its headers. */
  readonly websocketUrl: string;
  readonly #kill: () => Promise<void>;
  readonly #socket: MessageSocket;
  readonly #dataHandlers = new Set<(data: Uint8Array) => void>();
  readonly #ended: Promise<number>;
  #sending: Promise<void> = Promise.resolve();
  #window = { since: 0, bytes: 0 };
  #exitCode: number | undefined;

  private constructor(parts: PtyParts, socket: MessageSocket) {
    this.sessionId = parts.sessionId;
    this.token = parts.token;
    this.websocketUrl = parts.websocketUrl;
    this.#kill = parts.kill;
    this.#socket = socket;
    this.#ended = this.#listen();
    this.#ended.catch(() => {});
  }

  /** Attaches to a session; `createPty` and `connectPty` of a sandbox do. */
  static async attach(parts: PtyParts, options: PtyConnectionOptions & { signal?: AbortSignal | undefined }) {
    const { websocketUrl: url, headers, token } = parts;
    const socket = await openMessageSocket({ url, headers, token, signal: options.signal });
    const pty = new Pty(parts, socket);
    if (options.onData) pty.onData(options.onData);
    if (options.onExit) pty.onExit(options.onExit);
    await socket.send(Uint8Array.of(FRAME.ready));
    return pty;
  }

  /** Calls a handler with all output from now on; the result takes it off again. */
  onData(handler: (data: Uint8Array) => void): () => void {
    this.#dataHandlers.add(handler);
    this.#socket.resume();
    return () => void this.#dataHandlers.delete(handler);
  }

  /** Calls a handler once the process has ended. */
  onExit(handler: (exitCode: number) => void): void {
    this.#ended.then(handler, () => {});
    this.#socket.resume();
  }

  /** Types. Long input is sent at the pace that a sandbox takes. */
  sendInput(input: string | Uint8Array): Promise<void> {
    const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
    const sent = this.#sending.then(() => this.#type(bytes));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  /** Tells the programs on the terminal its size. */
  resize(cols: number, rows: number): Promise<void> {
    const frame = new DataView(new ArrayBuffer(5));
    frame.setUint8(0, FRAME.resize);
    frame.setUint16(1, cols);
    frame.setUint16(3, rows);
    return this.#socket.send(new Uint8Array(frame.buffer));
  }

  /** The exit code: 128 and the number of the signal where one ended the process. */
  wait(): Promise<number> {
    this.#socket.resume();
    return this.#ended;
  }

  /** Leaves the session; its process goes on and `connectPty` finds it again for 5 minutes. */
  disconnect(): void {
    this.#socket.resume();
    this.#socket.close(1000, 'client disconnect');
  }

  /** Ends the process. */
  kill(): Promise<void> {
    return this.#kill();
  }

  /** Output until the process ends. A reader that is slow makes the process wait. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const queue = new Queue(this.#socket);
    const stop = this.onData((data) => queue.push(data));
    this.#ended.then(
      () => queue.end(),
      (error: unknown) => queue.end(error),
    );
    try {
      yield* queue.drain();
    } finally {
      stop();
      this.#socket.resume();
    }
  }

  async #type(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += INPUT_CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + INPUT_CHUNK_BYTES);
      await this.#takeTurn(chunk.length);
      await this.#socket.send(dataFrame(chunk));
    }
  }

  async #takeTurn(count: number): Promise<void> {
    const elapsedMs = performance.now() - this.#window.since;
    if (elapsedMs >= 1000) this.#window = { since: performance.now(), bytes: 0 };
    else if (this.#window.bytes + count > INPUT_BYTES_PER_SECOND) {
      await new Promise((resolve) => setTimeout(resolve, 1000 - elapsedMs));
      this.#window = { since: performance.now(), bytes: 0 };
    }
    this.#window.bytes += count;
  }

  #listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.onMessage((message) => {
        if (message[0] === FRAME.exit && message.length >= 5) this.#exitCode = int32At(message, 1);
        if (message[0] === FRAME.data) for (const handler of this.#dataHandlers) handler(message.subarray(1));
      });
      this.#socket.onClose((code, reason) => {
        const exitCode = this.#exitCode ?? exitCodeIn(reason);
        if (exitCode === undefined) reject(endOf(code, reason));
        else resolve(exitCode);
      });
    });
  }
}

function dataFrame(chunk: Uint8Array): Uint8Array {
  const frame = new Uint8Array(1 + chunk.length);
  frame[0] = FRAME.data;
  frame.set(chunk, 1);
  return frame;
}

const int32At = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(at);

const exitCodeIn = (reason: string): number | undefined => {
  const code = /^exit:(-?\d+)$/.exec(reason)?.[1];
  return code === undefined ? undefined : Number(code);
};

function endOf(code: number, reason: string): SandboxError {
  if (code === 1000) return new SandboxError('the PTY session was left before its process ended');
  if (code === 1001) return new SandboxError('PTY session terminated');
  return new SandboxConnectionError(`the connection to the terminal ended: ${reason || `code ${code}`}`, {
    hint: 'The session goes on for 5 minutes: attach to it again with `connectPty`.',
  });
}

/** What is between the socket and an iterator. */
class Queue {
  readonly #socket: MessageSocket;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #end: { error?: unknown } | undefined;
  #wake = (): void => {};

  constructor(socket: MessageSocket) {
    this.#socket = socket;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_QUEUED_BYTES) this.#socket.pause();
    this.#wake();
  }

  end(error?: unknown): void {
    this.#end = error === undefined ? {} : { error };
    this.#wake();
  }

  async *drain(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const taken = this.#chunks;
      [this.#chunks, this.#bytes] = [[], 0];
      yield* taken;
      this.#socket.resume();
      if (this.#chunks.length > 0) continue;
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
