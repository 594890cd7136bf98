import { ApiError } from '@atoll/protocol';
import { parsePax } from './pax.ts';
import { BLOCK_BYTES, paddingOf } from './tar-entry.ts';
import type { TarEntry } from './tar-entry.ts';
import { decodeHeader } from './tar-header.ts';
import type { RawHeader } from './tar-header.ts';
import { toEntry } from './tar-overrides.ts';
import type { Overrides } from './tar-overrides.ts';

/** Receives the members of an archive in order; `data` is called for the content of the last `entry`. */
export interface TarVisitor {
  entry(entry: TarEntry): void;
  data(chunk: Buffer): void;
}

/** PAX headers and GNU long names are held in memory, so they have a bound. */
const MAX_META_BYTES = 1024 * 1024;

type State =
  | { at: 'header' }
  | { at: 'content'; remaining: number; sizeBytes: number }
  | { at: 'meta'; remaining: number; header: RawHeader; chunks: Buffer[] }
  | { at: 'padding'; remaining: number }
  | { at: 'end' };

const zeroBlock = Buffer.alloc(BLOCK_BYTES);

/** Reads a tar archive that arrives in chunks of any size; content is passed on, never gathered. */
export class TarReader {
  readonly #visitor: TarVisitor;
  #state: State = { at: 'header' };
  #partial = Buffer.alloc(0);
  #overrides: Overrides = {};

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  write(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && this.#state.at !== 'end') rest = rest.subarray(this.#step(rest));
  }

  /** Throws when the archive stopped in the middle of a member. Its end blocks may be missing. */
  finish(): void {
    const { at } = this.#state;
    const isBetween = at === 'end' || (at === 'header' && this.#partial.length === 0);
    if (!isBetween || Object.keys(this.#overrides).length > 0) {
      throw malformed('it ends in the middle of a member');
    }
  }

  /** Consumes the start of `chunk` and returns how many bytes that was: at least one. */
  #step(chunk: Buffer): number {
    const state = this.#state;
    if (state.at === 'header') return this.#gatherHeader(chunk);
    if (state.at === 'end') return chunk.length;
    const part = chunk.subarray(0, state.remaining);
    state.remaining -= part.length;
    if (state.at === 'content') this.#visitor.data(part);
    if (state.at === 'meta') state.chunks.push(Buffer.from(part));
    if (state.remaining === 0) this.#leave(state);
    return part.length;
  }

  #leave(state: State): void {
    const padding = state.at === 'content' ? paddingOf(state.sizeBytes) : 0;
    this.#state = padding > 0 ? { at: 'padding', remaining: padding } : { at: 'header' };
    if (state.at === 'meta') this.#applyMeta(state.header, Buffer.concat(state.chunks));
  }

  #gatherHeader(chunk: Buffer): number {
    if (this.#partial.length === 0 && chunk.length >= BLOCK_BYTES) {
      this.#header(chunk.subarray(0, BLOCK_BYTES));
      return BLOCK_BYTES;
    }
    const part = chunk.subarray(0, BLOCK_BYTES - this.#partial.length);
    this.#partial = Buffer.concat([this.#partial, part]);
    if (this.#partial.length === BLOCK_BYTES) {
      const block = this.#partial;
      this.#partial = Buffer.alloc(0);
      this.#header(block);
    }
    return part.length;
  }

  #header(block: Buffer): void {
    if (block.equals(zeroBlock)) {
      this.#state = { at: 'end' };
      return;
    }
    const header = decodeHeader(block);
    if ('xgLK'.includes(header.typeFlag)) this.#startMeta(header);
    else this.#startMember(header);
  }

  #startMeta(header: RawHeader): void {
    const { sizeBytes } = header;
    if (sizeBytes > MAX_META_BYTES) throw malformed(`it has an extended header of ${sizeBytes} bytes`);
    if (sizeBytes === 0) return;
    this.#state = { at: 'meta', remaining: sizeBytes + paddingOf(sizeBytes), header, chunks: [] };
  }

  /** Global headers ('g') hold comments in practice (git archive); container tools ignore them. */
  #applyMeta(header: RawHeader, padded: Buffer): void {
    const body = padded.subarray(0, header.sizeBytes);
    if (header.typeFlag === 'x') this.#overrides.pax = parsePax(body);
    if (header.typeFlag === 'L') this.#overrides.name = untilNul(body);
    if (header.typeFlag === 'K') this.#overrides.linkName = untilNul(body);
  }

  #startMember(header: RawHeader): void {
    const entry = toEntry(header, this.#overrides);
    this.#overrides = {};
    this.#visitor.entry(entry);
    const { sizeBytes } = entry;
    if (sizeBytes > 0) this.#state = { at: 'content', remaining: sizeBytes, sizeBytes };
  }
}

function untilNul(body: Buffer): string {
  const nul = body.indexOf(0);
  return body.toString('latin1', 0, nul < 0 ? body.length : nul);
}

const malformed = (why: string): ApiError =>
  new ApiError('invalid_request', `the archive is malformed: ${why}`);
