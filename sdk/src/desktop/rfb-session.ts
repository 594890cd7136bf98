import { SandboxError } from '../errors.ts';
import type { ByteChannel } from './byte-channel.ts';
import { DESKTOP_SIZE, shakeHands } from './handshake.ts';
import type { HandshakeOptions } from './handshake.ts';
import { Screen } from './screen.ts';

const RAW = 0;
/** Of messages that come from the server. */
const FRAMEBUFFER_UPDATE = 0;
const BELL = 2;
const CUT_TEXT = 3;

interface Waiting {
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** A connection to a VNC server that asks for the screen when somebody wants it, and draws whatever comes. */
export class RfbSession {
  readonly screen = new Screen();
  readonly #channel: ByteChannel;
  #waiting: Waiting[] = [];
  #failure: unknown;

  private constructor(channel: ByteChannel) {
    this.#channel = channel;
  }

  static async open(channel: ByteChannel, options: HandshakeOptions): Promise<RfbSession> {
    const session = new RfbSession(channel);
    const { width, height } = await shakeHands(channel, options);
    session.screen.resize(width, height);
    session.#readAll().catch((error: unknown) => session.#fail(error));
    return session;
  }

  /** Has the whole screen sent; resolves once it is drawn, rejects when the signal aborts before. */
  async refresh(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { width, height } = this.screen;
      await this.#requestAll(signal);
      // A screen that has changed its size is black where it was not drawn since.
      if (this.screen.width === width && this.screen.height === height) return;
    }
  }

  pointer(buttons: number, x: number, y: number): Promise<void> {
    const message = Buffer.alloc(6);
    message.writeUInt8(5, 0);
    message.writeUInt8(buttons, 1);
    message.writeUInt16BE(x, 2);
    message.writeUInt16BE(y, 4);
    return this.#channel.send(message);
  }

  key(isDown: boolean, keysym: number): Promise<void> {
    const message = Buffer.alloc(8);
    message.writeUInt8(4, 0);
    message.writeUInt8(isDown ? 1 : 0, 1);
    message.writeUInt32BE(keysym, 4);
    return this.#channel.send(message);
  }

  close(): void {
    this.#channel.close();
  }

  async #requestAll(signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { promise: drawn, ...waiting } = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    const giveUp = (): void => {
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
      waiting.reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await Promise.all([this.#channel.send(this.#wholeScreen()), drawn]);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #wholeScreen(): Buffer {
    const message = Buffer.alloc(10);
    message.writeUInt8(3, 0);
    message.writeUInt16BE(this.screen.width, 6);
    message.writeUInt16BE(this.screen.height, 8);
    return message;
  }

  async #readAll(): Promise<never> {
    for (;;) {
      const type = (await this.#channel.read(1))[0];
      if (type === FRAMEBUFFER_UPDATE) await this.#readUpdate();
      else if (type === CUT_TEXT) await this.#channel.skip((await this.#channel.read(7)).readUInt32BE(3));
      else if (type !== BELL)
        throw new SandboxError(`the desktop sends messages of type ${type}, which nobody asked for`);
    }
  }

  async #readUpdate(): Promise<void> {
    const rectangles = (await this.#channel.read(3)).readUInt16BE(1);
    for (let index = 0; index < rectangles; index += 1) await this.#readRectangle();
    this.#waiting.shift()?.resolve();
  }

  async #readRectangle(): Promise<void> {
    const head = await this.#channel.read(12);
    const [x, y, width, height] = [0, 2, 4, 6].map((offset) => head.readUInt16BE(offset)) as [
      number,
      number,
      number,
      number,
    ]; // four offsets
    const encoding = head.readInt32BE(8);
    if (encoding === DESKTOP_SIZE) return this.screen.resize(width, height);
    if (encoding !== RAW)
      throw new SandboxError(`the desktop draws in encoding ${encoding}, which nobody asked for`);
    this.screen.require({ x, y, width, height });
    for (let row = 0; row < height; row += 1)
      this.screen.drawRow(x, y + row, await this.#channel.read(width * 4));
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#channel.close();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
