import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

/**
 * The frames of a WebSocket (RFC 6455) as far as a client needs them that sends and gets plain bytes: no text, no
 * extensions. Where messages begin and end means nothing here, so payloads are passed on as they arrive.
 */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Why a connection is closed. */
export interface Closing {
  code: number;
  reason: string;
}

/** The peer breaks the protocol; `code` is what it is told. */
export class FrameError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'FrameError';
    this.code = code;
  }
}

/** Gets what a reader finds. */
export interface FrameHandler {
  /** A piece of a binary message. It is the reader's input, not a copy of it. */
  onData: (piece: Buffer) => void;
  onPing: (payload: Buffer) => void;
  onPong: () => void;
  onClose: (closing: Closing) => void;
}

const MAX_HEADER_BYTES = 10;
const MAX_CONTROL_BYTES = 125;
/** Of a Close frame without a code, and of a connection that ended without one. */
export const NO_CODE = 1005;
const PROTOCOL_ERROR = 1002;
const UNSUPPORTED = 1003;
const INVALID_TEXT = 1007;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads the frames of a server from a stream that is cut anywhere. Throws a `FrameError` at what a server may not send. */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES);
  #headerBytes = 0;
  #opcode = 0;
  /** Of the payload, to come. */
  #left = 0;
  #isInPayload = false;
  #isInMessage = false;
  #isClosed = false;
  #control: Buffer[] = [];

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** What comes after a Close frame is not looked at. */
  push(input: Buffer): void {
    let at = 0;
    while (at < input.length && !this.#isClosed) {
      if (!this.#isInPayload) at = this.#readHeader(input, at);
      if (this.#isInPayload) at = this.#readPayload(input, at);
    }
  }

  #readHeader(input: Buffer, from: number): number {
    let at = from;
    while (at < input.length) {
      this.#header[this.#headerBytes++] = input[at++] ?? 0;
      if (this.#headerBytes < 2 || this.#headerBytes < 2 + this.#lengthBytes()) continue;
      this.#begin();
      return at;
    }
    return at;
  }

  #lengthBytes(): number {
    const short = (this.#header[1] ?? 0) & 0x7f;
    return short === 126 ? 2 : short === 127 ? 8 : 0;
  }

  #begin(): void {
    const [first = 0, second = 0] = this.#header;
    this.#left = readLength(this.#header);
    this.#headerBytes = 0;
    this.#opcode = first & 0x0f;
    this.#isInPayload = true;
    if ((first & 0x70) !== 0) throw new FrameError(PROTOCOL_ERROR, 'a frame has reserved bits');
    if ((second & 0x80) !== 0) throw new FrameError(PROTOCOL_ERROR, 'a frame of the server is masked');
    const isLast = (first & 0x80) !== 0;
    if (this.#opcode >= opcodes.close) checkControl(this.#opcode, isLast, this.#left);
    else this.#checkData(isLast);
  }

  #checkData(isLast: boolean): void {
    if (this.#opcode === opcodes.text) throw new FrameError(UNSUPPORTED, 'a frame has text');
    if (this.#opcode !== opcodes.continuation && this.#opcode !== opcodes.binary)
      throw new FrameError(PROTOCOL_ERROR, `a frame has the unknown opcode ${this.#opcode}`);
    if ((this.#opcode === opcodes.continuation) !== this.#isInMessage)
      throw new FrameError(PROTOCOL_ERROR, 'a frame belongs to no message, or begins one within another');
    this.#isInMessage = !isLast;
  }

  #readPayload(input: Buffer, from: number): number {
    const piece = input.subarray(from, from + this.#left);
    this.#left -= piece.length;
    this.#isInPayload = this.#left > 0;
    if (this.#opcode < opcodes.close) {
      if (piece.length > 0) this.#handler.onData(piece);
      return from + piece.length;
    }
    this.#control.push(piece);
    if (!this.#isInPayload) this.#endControl(Buffer.concat(this.#control.splice(0)));
    return from + piece.length;
  }

  #endControl(payload: Buffer): void {
    if (this.#opcode === opcodes.ping) return this.#handler.onPing(payload);
    if (this.#opcode === opcodes.pong) return this.#handler.onPong();
    this.#isClosed = true;
    this.#handler.onClose(parseClose(payload));
  }
}

function readLength(header: Buffer): number {
  const short = (header[1] ?? 0) & 0x7f;
  if (short < 126) return short;
  const length = short === 126 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
  const isShortest = short === 126 ? length >= 126 : length > 0xff_ff;
  if (!isShortest || !Number.isSafeInteger(length))
    throw new FrameError(PROTOCOL_ERROR, 'a frame has a length in a form that it may not have');
  return length;
}

function checkControl(opcode: number, isLast: boolean, length: number): void {
  if (opcode > opcodes.pong) throw new FrameError(PROTOCOL_ERROR, `a frame has the unknown opcode ${opcode}`);
  if (!isLast) throw new FrameError(PROTOCOL_ERROR, 'a control frame is in pieces');
  if (length > MAX_CONTROL_BYTES) throw new FrameError(PROTOCOL_ERROR, 'a control frame is too long');
}

function parseClose(payload: Buffer): Closing {
  if (payload.length === 0) return { code: NO_CODE, reason: '' };
  const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
  if (!isCloseCode(code)) throw new FrameError(PROTOCOL_ERROR, 'a Close frame has a code that is none');
  try {
    return { code, reason: utf8.decode(payload.subarray(2)) };
  } catch {
    throw new FrameError(INVALID_TEXT, 'the reason of a Close frame is no UTF-8');
  }
}

/** Those that may be sent: https://www.rfc-editor.org/rfc/rfc6455#section-7.4 */
const isCloseCode = (code: number): boolean =>
  (code >= 3000 && code < 5000) || (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code));

const MASK_BYTES = 4;
/** Masks are of no use to programs, only asked for; one call to the system serves a few hundred of them. */
const POOL_BYTES = 1024;
let masks = Buffer.alloc(0);

function nextMask(): Buffer {
  if (masks.length < MASK_BYTES) masks = randomBytes(POOL_BYTES);
  const mask = masks.subarray(0, MASK_BYTES);
  masks = masks.subarray(MASK_BYTES);
  return mask;
}

/** With two bytes before the header where they bring the payload to a multiple of four: it is masked by words. */
const roomFor = (length: number): number => length + MAX_HEADER_BYTES + MASK_BYTES + 2;
const allocate = (length: number): Buffer => Buffer.allocUnsafeSlow(roomFor(length));

/** A whole frame of a client. */
export const encodeFrame = (opcode: number, payload: Uint8Array): Buffer =>
  encodeInto(allocate(payload.length), opcode, payload);

/** Encodes one frame after another into the same memory, but for those that are still being written. */
export function createEncoder() {
  let memory: Buffer = Buffer.alloc(0);
  const encode = (opcode: number, payload: Uint8Array): Buffer => {
    if (memory.length < roomFor(payload.length)) memory = allocate(payload.length);
    return encodeInto(memory, opcode, payload);
  };
  return Object.assign(encode, {
    /** The last frame is still needed. */
    keepLast: (): void => {
      memory = Buffer.alloc(0);
    },
  });
}

function encodeInto(memory: Buffer, opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const headerBytes = (length < 126 ? 2 : length <= 0xff_ff ? 4 : 10) + MASK_BYTES;
  const pad = (4 - (headerBytes % 4)) % 4;
  const frame = memory.subarray(pad, pad + headerBytes + length);
  frame[0] = 0x80 | opcode;
  writeLength(frame, length);
  const mask = nextMask();
  frame.set(mask, headerBytes - MASK_BYTES);
  frame.set(payload, headerBytes);
  applyMask(frame.subarray(headerBytes), mask);
  return frame;
}

function writeLength(frame: Buffer, length: number): void {
  frame[1] = 0x80 | (length < 126 ? length : length <= 0xff_ff ? 126 : 127);
  if (length > 0xff_ff) frame.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= 126) frame.writeUInt16BE(length, 2);
}

/** In place; `bytes` begins at a multiple of four. */
function applyMask(bytes: Buffer, mask: Buffer): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  // In the byte order of this machine, as the words are.
  const [word = 0] = new Uint32Array(Uint8Array.from(mask).buffer);
  for (let at = 0; at < words.length; at += 1) words[at] = (words[at] ?? 0) ^ word;
  for (let at = words.length * 4; at < bytes.length; at += 1)
    bytes[at] = (bytes[at] ?? 0) ^ (mask[at & 3] ?? 0);
}

export function encodeClose({ code, reason }: Closing): Buffer {
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]).subarray(0, MAX_CONTROL_BYTES);
  payload.writeUInt16BE(code, 0);
  return encodeFrame(opcodes.close, payload);
}
