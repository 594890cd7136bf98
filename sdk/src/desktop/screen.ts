import { SandboxError } from '../errors.ts';

/** Who draws it is code in a sandbox: it must not take the memory of who looks. */
const MAX_SIDE = 16_384;
const MAX_PIXELS = 64 * 1024 * 1024;
const WIRE_BYTES = 4;

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What a desktop shows, as rows of red, green and blue. */
export class Screen {
  width = 0;
  height = 0;
  rgb: Buffer = Buffer.alloc(0);

  /** Black until it is drawn. */
  resize(width: number, height: number): void {
    if (width === this.width && height === this.height) return;
    if (width === 0 || height === 0 || Math.max(width, height) > MAX_SIDE || width * height > MAX_PIXELS) {
      throw new SandboxError(`the desktop says it is ${width} × ${height}`);
    }
    this.width = width;
    this.height = height;
    this.rgb = Buffer.alloc(width * height * 3);
  }

  /** Throws unless the rectangle lies within the screen. */
  require({ x, y, width, height }: Rectangle): void {
    if (x + width <= this.width && y + height <= this.height) return;
    throw new SandboxError('the desktop draws outside of its screen');
  }

  /** Draws one row of pixels as they come: blue, green, red, and a byte without meaning. */
  drawRow(x: number, y: number, pixels: Uint8Array): void {
    let to = (y * this.width + x) * 3;
    for (let from = 0; from < pixels.length; from += WIRE_BYTES) {
      this.rgb[to] = pixels[from + 2] ?? 0;
      this.rgb[to + 1] = pixels[from + 1] ?? 0;
      this.rgb[to + 2] = pixels[from] ?? 0;
      to += 3;
    }
  }
}
