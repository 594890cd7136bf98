import { ApiError } from '@atoll/protocol';

/** A run of bytes of one frame. */
export interface FramePart {
  bytes: Buffer;
  endsFrame: boolean;
}

/** What the coming bytes are. */
type Stage = 'magic' | 'descriptor' | 'header' | 'block' | 'content' | 'checksum' | 'skipSize' | 'skip';
/** Those whose value decides how it goes on. */
const numbers: ReadonlySet<Stage> = new Set(['magic', 'descriptor', 'block', 'skipSize']);

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/**
 * Finds where the frames of a zstd stream end (RFC 8878, section 3.1). A layer may consist of many frames
 * (zstd:chunked, pzstd), while a decompressor of Node ends with the first one.
 */
export class ZstdFrames {
  #stage: Stage = 'magic';
  #remaining = 4;
  #gathered: Buffer[] = [];
  #hasChecksum = false;
  #isLastBlock = false;

  /** True between two frames: the stream may end here. */
  get isBetween(): boolean {
    return this.#stage === 'magic' && this.#remaining === 4;
  }

  *split(chunk: Buffer): Generator<FramePart> {
    for (let start = 0, end = 0; start < chunk.length;) {
      end += this.#consume(chunk.subarray(end));
      if (!this.isBetween && end < chunk.length) continue;
      yield { bytes: chunk.subarray(start, end), endsFrame: this.isBetween };
      start = end;
    }
  }

  /** Takes bytes of the current stage off the start of `chunk` and returns how many. */
  #consume(chunk: Buffer): number {
    const bytes = chunk.subarray(0, this.#remaining);
    this.#remaining -= bytes.length;
    if (numbers.has(this.#stage)) this.#gathered.push(Buffer.from(bytes));
    if (this.#remaining === 0) this.#advance();
    return bytes.length;
  }

  #advance(): void {
    const value = Buffer.concat([...this.#gathered, Buffer.alloc(4)]).readUInt32LE(0);
    this.#gathered = [];
    do this.#enter(value);
    while (this.#remaining === 0);
  }

  #enter(value: number): void {
    switch (this.#stage) {
      case 'magic':
        return this.#startFrame(value);
      case 'skipSize':
        return this.#go('skip', value);
      case 'descriptor':
        return this.#go('header', this.#headerBytes(value));
      case 'header':
        return this.#go('block', 3);
      case 'block':
        return this.#startBlock(value);
      case 'content':
        return this.#isLastBlock ? this.#go('checksum', this.#hasChecksum ? 4 : 0) : this.#go('block', 3);
      case 'skip':
      case 'checksum':
        return this.#go('magic', 4);
    }
  }

  #go(stage: Stage, byteCount: number): void {
    this.#stage = stage;
    this.#remaining = byteCount;
  }

  #startFrame(magic: number): void {
    if (magic === MAGIC) return this.#go('descriptor', 1);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) return this.#go('skipSize', 4);
    throw new ApiError('invalid_request', 'the layer is damaged: bytes between its zstd frames');
  }

  /** Window descriptor, dictionary id and content size, of which each may be missing. */
  #headerBytes(descriptor: number): number {
    this.#hasChecksum = (descriptor & 0x04) !== 0;
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 0x03] ?? 0;
    const sizeFlag = descriptor >> 6;
    const contentSizeBytes = sizeFlag === 0 ? Number(isSingleSegment) : 1 << sizeFlag;
    return Number(!isSingleSegment) + dictionaryBytes + contentSizeBytes;
  }

  /** Bit 0: last block; bits 1–2: type; the rest: size. A block of type 1 repeats its only byte. */
  #startBlock(header: number): void {
    this.#isLastBlock = (header & 1) === 1;
    const type = (header >> 1) & 3;
    this.#go('content', type === 1 ? 1 : header >> 3);
  }
}
