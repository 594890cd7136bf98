import type { SandboxAddress } from '../connection.ts';
import { RemoteAPIError, SandboxConnectionError, SandboxError } from '../errors.ts';
import { socketUrl } from '../message-socket.ts';
import { openSandboxSocket } from '../sandbox-socket.ts';
import { ByteChannel } from './byte-channel.ts';
import { keysymOf, keysymOfCharacter } from './keysym.ts';
import { encodePng } from './png.ts';
import { RfbSession } from './rfb-session.ts';

export interface ConnectDesktopOptions {
  /** Port of the VNC server on the sandbox's loopback. Default 5901. */
  port?: number;
  /** For servers that want one; `tensorlake/ubuntu-vnc` has `tensorlake`. */
  password?: string;
  /** Lets others stay connected. Default true. */
  shared?: boolean;
  /** Seconds to wait for the VNC server, which may still be starting. Default 10. */
  connectTimeout?: number;
}

export interface ScreenshotOptions {
  /** Seconds to wait for a desktop that draws nothing. Default 30. */
  timeout?: number;
}

export type MouseButton = 'left' | 'middle' | 'right';

export interface PointerOptions {
  /** Default `left`. */
  button?: MouseButton;
  /** Where to move first; without them the pointer stays where it is. */
  x?: number;
  y?: number;
}

export interface DoubleClickOptions extends PointerOptions {
  /** Between the two clicks. Default 50. */
  delayMs?: number;
}

export interface DragOptions {
  /** Default `left`. */
  button?: MouseButton;
  /** How many movements the way is made of. Default 10. */
  steps?: number;
}

const buttonMasks = { left: 1, middle: 2, right: 4 } as const satisfies Record<MouseButton, number>;
const SCROLL_UP = 8;
const SCROLL_DOWN = 16;
const DEFAULT_PORT = 5901;
const DEFAULT_CONNECT_SECS = 10;
const DEFAULT_SCREENSHOT_SECS = 30;
const RETRY_PAUSE_MS = 250;
const DOUBLE_CLICK_PAUSE_MS = 50;

/**
 * The desktop of a sandbox: see it, move the mouse, press keys. Made by `connectDesktop` of a sandbox. Calls take
 * effect one after the other, in the order in which they were made.
 *
 * @example
 * await using desktop = await sandbox.connectDesktop({ password: 'tensorlake' });
 * await desktop.click({ x: 640, y: 400 });
 * await desktop.typeText('hello');
 * await writeFile('screen.png', await desktop.screenshot());
 */
export class Desktop implements AsyncDisposable {
  readonly #session: RfbSession;
  #buttons = 0;
  #x = 0;
  #y = 0;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(session: RfbSession) {
    this.#session = session;
  }

  /** Connects through the tunnel of a sandbox, waiting for a VNC server that does not listen yet. */
  static async connect(
    address: () => Promise<SandboxAddress>,
    options: ConnectDesktopOptions = {},
  ): Promise<Desktop> {
    const { port = DEFAULT_PORT, password, shared = true } = options;
    const signal = AbortSignal.timeout((options.connectTimeout ?? DEFAULT_CONNECT_SECS) * 1000);
    const channel = new ByteChannel(await openTunnel(address, port, signal));
    const giveUp = (): void => channel.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return new Desktop(await RfbSession.open(channel, { password, shared }));
    } catch (error) {
      channel.close();
      throw signal.aborted ? tooLate(port, error) : error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Pixels from left to right. */
  get width(): number {
    return this.#session.screen.width;
  }

  /** Pixels from top to bottom. */
  get height(): number {
    return this.#session.screen.height;
  }

  /**
   * What the desktop shows now, as a PNG.
   *
   * @throws SandboxConnectionError where it draws nothing in time; the connection stays, for another try.
   */
  screenshot({ timeout = DEFAULT_SCREENSHOT_SECS }: ScreenshotOptions = {}): Promise<Buffer> {
    return this.#inTurn(async () => {
      const signal = AbortSignal.timeout(timeout * 1000);
      await this.#session.refresh(signal).catch((error: unknown) => {
        throw signal.aborted ? notDrawn(timeout, error) : error;
      });
      const { width, height, rgb } = this.#session.screen;
      return encodePng(width, height, rgb);
    });
  }

  /** Moves the pointer; with a button pressed, drags. */
  moveMouse(x: number, y: number): Promise<void> {
    return this.#inTurn(() => this.#move(x, y));
  }

  /** Presses a button and keeps it down. */
  mousePress(options: PointerOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#press(options));
  }

  /** Lets go of a button. */
  mouseRelease(options: PointerOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#release(options));
  }

  /** Presses and releases a button, the left one by default. */
  click(options: PointerOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#click(options));
  }

  /** Clicks twice in quick succession. */
  doubleClick({ delayMs = DOUBLE_CLICK_PAUSE_MS, ...options }: DoubleClickOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      await this.#click(options);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await this.#click({ ...(options.button && { button: options.button }) });
    });
  }

  /** Clicks the left button, at a place if one is given. */
  leftClick(x?: number, y?: number): Promise<void> {
    return this.click(at('left', x, y));
  }

  /** Clicks the middle button, at a place if one is given. */
  middleClick(x?: number, y?: number): Promise<void> {
    return this.click(at('middle', x, y));
  }

  /** Clicks the right button, at a place if one is given. */
  rightClick(x?: number, y?: number): Promise<void> {
    return this.click(at('right', x, y));
  }

  /** Presses a button at one place, moves to another, and lets go there. */
  drag(
    from: { x: number; y: number },
    to: { x: number; y: number },
    { button = 'left', steps = 10 }: DragOptions = {},
  ): Promise<void> {
    return this.#inTurn(async () => {
      // A way that cannot be gone to its end would leave the button pressed.
      this.#requireOnScreen(to.x, to.y);
      await this.#press({ button, ...from });
      for (let step = 1; step <= steps; step += 1) {
        const part = step / steps;
        await this.#move(
          Math.round(from.x + (to.x - from.x) * part),
          Math.round(from.y + (to.y - from.y) * part),
        );
      }
      await this.#release({ button, ...to });
    });
  }

  /** Turns the wheel: up by positive steps, down by negative ones. */
  scroll(steps: number, x?: number, y?: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#moveIfAsked({ ...(x !== undefined && { x }), ...(y !== undefined && { y }) });
      const wheel = steps > 0 ? SCROLL_UP : SCROLL_DOWN;
      for (let step = 0; step < Math.abs(steps); step += 1) {
        await this.#session.pointer(this.#buttons | wheel, this.#x, this.#y);
        await this.#session.pointer(this.#buttons, this.#x, this.#y);
      }
    });
  }

  /** Turns the wheel up. */
  scrollUp(steps = 1, x?: number, y?: number): Promise<void> {
    return this.scroll(Math.abs(steps), x, y);
  }

  /** Turns the wheel down. */
  scrollDown(steps = 1, x?: number, y?: number): Promise<void> {
    return this.scroll(-Math.abs(steps), x, y);
  }

  /** Presses a key and keeps it down. */
  keyDown(key: string): Promise<void> {
    return this.#inTurn(() => this.#session.key(true, keysymOf(key)));
  }

  /** Lets go of a key. */
  keyUp(key: string): Promise<void> {
    return this.#inTurn(() => this.#session.key(false, keysymOf(key)));
  }

  /** A key, or a chord: `enter`, `ctrl+l`, `['ctrl', 'shift', 't']`. */
  press(keys: string | readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      const chord = (typeof keys === 'string' ? splitChord(keys) : keys).map(keysymOf);
      for (const key of chord) await this.#session.key(true, key);
      for (const key of chord.toReversed()) await this.#session.key(false, key);
    });
  }

  /** Types into whatever has the focus. */
  typeText(text: string): Promise<void> {
    return this.#inTurn(async () => {
      for (const keysym of [...text].map(keysymOfCharacter)) {
        await this.#session.key(true, keysym);
        await this.#session.key(false, keysym);
      }
    });
  }

  /** Ends the connection; the desktop goes on. */
  async close(): Promise<void> {
    this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {}); // its caller is told
    return done;
  }

  #requireOnScreen(x: number, y: number): void {
    const isWithin = (at: number, size: number): boolean => Number.isInteger(at) && at >= 0 && at < size;
    if (isWithin(x, this.width) && isWithin(y, this.height)) return;
    throw new SandboxError(`${x}, ${y} is not on the screen of ${this.width} × ${this.height}`);
  }

  async #move(x: number, y: number): Promise<void> {
    this.#requireOnScreen(x, y);
    this.#x = x;
    this.#y = y;
    await this.#session.pointer(this.#buttons, x, y);
  }

  async #moveIfAsked({ x, y }: { x?: number; y?: number }): Promise<void> {
    if (x !== undefined || y !== undefined) await this.#move(x ?? this.#x, y ?? this.#y);
  }

  async #press({ button = 'left', ...place }: PointerOptions): Promise<void> {
    await this.#moveIfAsked(place);
    this.#buttons |= buttonMasks[button];
    await this.#session.pointer(this.#buttons, this.#x, this.#y);
  }

  async #release({ button = 'left', ...place }: PointerOptions): Promise<void> {
    await this.#moveIfAsked(place);
    this.#buttons &= ~buttonMasks[button];
    await this.#session.pointer(this.#buttons, this.#x, this.#y);
  }

  async #click(options: PointerOptions): Promise<void> {
    await this.#press(options);
    await this.#release({ ...(options.button && { button: options.button }) });
  }
}

const at = (button: MouseButton, x?: number, y?: number): PointerOptions => ({
  button,
  ...(x !== undefined && { x }),
  ...(y !== undefined && { y }),
});

/** A plus sign alone, or at the end, is the key. */
function splitChord(keys: string): string[] {
  if (keys === '+') return ['+'];
  if (keys.endsWith('++')) return [...keys.slice(0, -2).split('+'), '+'];
  return keys.split('+');
}

/** Until the VNC server listens, the sandbox refuses the tunnel. */
async function openTunnel(address: () => Promise<SandboxAddress>, port: number, signal: AbortSignal) {
  for (;;) {
    try {
      const to = await address();
      return await openSandboxSocket(socketUrl(to, `/api/v1/tunnels/tcp?port=${port}`), to.headers, signal);
    } catch (error) {
      if (!signal.aborted && !isRefused(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      if (signal.aborted) throw tooLate(port, error);
    }
  }
}

const isRefused = (error: unknown): boolean => error instanceof RemoteAPIError && error.statusCode === 502;

const notDrawn = (secs: number, cause: unknown): SandboxConnectionError =>
  new SandboxConnectionError(`the desktop has drawn nothing in ${secs} s`, {
    cause,
    hint: 'Is the VNC server busy or stuck? `timeout` is how long to wait for it.',
  });

const tooLate = (port: number, cause: unknown): SandboxConnectionError =>
  new SandboxConnectionError(`no desktop answers on port ${port} of the sandbox`, {
    cause,
    hint: 'Is a VNC server running there? `connectTimeout` is how long to wait for it.',
  });
