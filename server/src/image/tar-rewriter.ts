import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { paddingOf } from './tar-entry.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader } from './tar-reader.ts';
import type { TarVisitor } from './tar-reader.ts';
import { archiveEnd, encodeEntry } from './tar-writer.ts';

/**
 * Reads a tar stream member by member and writes another one. Who extends it decides what becomes of each member; the
 * content of one that is copied follows by itself.
 */
export abstract class TarRewriter extends Transform implements TarVisitor {
  readonly #reader = new TarReader(this);
  /** What the current chunk has become: passed on in one piece, as small writes would cost more than the copy. */
  #output: Buffer[] = [];
  #isCopying = false;
  #padding = 0;
  #remaining = 0;

  /** Called for each member, with the entry as the archive has it. What it throws ends the stream. */
  protected abstract rewrite(entry: TarEntry): void;

  /** Called with every chunk before it is read. */
  protected count(_bytes: number): void {}

  /** Writes a member without content. */
  protected add(entry: TarEntry): void {
    this.#output.push(encodeEntry(entry));
  }

  /** Writes a member with the content of the one that is being read. */
  protected copy(entry: TarEntry): void {
    this.add(entry);
    this.#isCopying = entry.sizeBytes > 0;
    this.#remaining = entry.sizeBytes;
    this.#padding = paddingOf(entry.sizeBytes);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    attempt(done, () => {
      this.count(chunk.length);
      this.#reader.write(chunk);
      this.#passOn();
    });
  }

  override _flush(done: TransformCallback): void {
    attempt(done, () => {
      this.#reader.finish();
      this.#output.push(archiveEnd);
      this.#passOn();
    });
  }

  entry(entry: TarEntry): void {
    this.#isCopying = false;
    this.rewrite(entry);
  }

  data(chunk: Buffer): void {
    if (!this.#isCopying) return;
    this.#remaining -= chunk.length;
    this.#output.push(chunk);
    if (this.#remaining === 0 && this.#padding > 0) this.#output.push(Buffer.alloc(this.#padding));
  }

  #passOn(): void {
    if (this.#output.length > 0) this.push(Buffer.concat(this.#output));
    this.#output = [];
  }
}

function attempt(done: TransformCallback, work: () => void): void {
  try {
    work();
    done();
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
  }
}
