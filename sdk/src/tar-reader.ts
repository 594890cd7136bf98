import { SandboxError } from './errors.ts';

/** An entry of an archive. Names hold one character for each byte, for they need not be UTF-8. */
export interface TarEntry {
  path: string;
  kind: 'file' | 'directory' | 'link' | 'hardlink' | 'other';
  mode: number;
  mtimeSeconds: number;
  sizeBytes: number;
  target: string;
  /** Has to be read off before the next entry. */
  content: AsyncIterable<Uint8Array>;
}

const BLOCK_BYTES = 512;
/** Longer extended headers are none of an honest archive. */
const MAX_PAX_BYTES = 1024 * 1024;

const kinds: Record<string, TarEntry['kind']> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hardlink',
  '2': 'link',
  '5': 'directory',
};

/** The entries of a POSIX tar as they come, in constant memory. Throws where the archive breaks off. */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const source = new ByteSource(chunks);
  try {
    let extended = new Map<string, string>();
    for (;;) {
      const block = await source.exactly(BLOCK_BYTES);
      if (block.every((byte) => byte === 0)) break;
      const header = parseHeader(block);
      if (header.typeFlag === 'x') {
        extended = parsePax(await source.padded(header.sizeBytes));
        continue;
      }
      if (header.typeFlag === 'g') {
        await source.padded(header.sizeBytes);
        continue;
      }
      const entry = toEntry(header, extended, source);
      extended = new Map();
      yield entry;
      for await (const rest of entry.content) void rest;
      await source.exactly((BLOCK_BYTES - (entry.sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
    }
    await source.drain();
  } finally {
    await source.close();
  }
}

type Header = ReturnType<typeof parseHeader>;

function parseHeader(block: Buffer) {
  const text = (from: number, length: number) => {
    const field = block.subarray(from, from + length);
    const end = field.indexOf(0);
    return field.toString('latin1', 0, end < 0 ? length : end);
  };
  const octal = (from: number, length: number) => {
    const value = Number.parseInt(text(from, length).trim() || '0', 8);
    if (!Number.isSafeInteger(value) || value < 0) throw broken('a number in a header is none');
    return value;
  };
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (octal(148, 8) !== sum) throw broken('a header has a wrong checksum');
  const prefix = text(345, 155);
  return {
    path: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`,
    mode: octal(100, 8),
    sizeBytes: octal(124, 12),
    mtimeSeconds: octal(136, 12),
    typeFlag: String.fromCharCode(block[156] ?? 0),
    target: text(157, 100),
  };
}

function toEntry(header: Header, extended: Map<string, string>, source: ByteSource): TarEntry {
  const sizeBytes = Number(extended.get('size') ?? header.sizeBytes);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw broken('the size of an entry is none');
  const kind = kinds[header.typeFlag] ?? 'other';
  const left = { bytes: kind === 'file' || kind === 'other' ? sizeBytes : 0 };
  return {
    path: extended.get('path') ?? header.path,
    kind,
    mode: header.mode,
    mtimeSeconds: Number(extended.get('mtime') ?? header.mtimeSeconds),
    sizeBytes: left.bytes,
    target: extended.get('linkpath') ?? header.target,
    content: source.upTo(left),
  };
}

/** Records of the form `LENGTH key=value\n`. */
function parsePax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(body.toString('latin1', at, space));
    if (!Number.isInteger(length) || length < space - at + 3 || at + length > body.length) {
      throw broken('an extended header is none');
    }
    const record = body.toString('latin1', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

const broken = (reason: string) => new SandboxError(`the archive cannot be read: ${reason}`);

/** Takes pieces of given length out of a stream. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async exactly(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let missing = length; missing > 0;) {
      const part = await this.#some(missing);
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  async padded(length: number): Promise<Buffer> {
    if (length > MAX_PAX_BYTES) throw broken('an extended header is too long');
    const body = await this.exactly(length);
    await this.exactly((BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES);
    return body;
  }

  async *upTo(left: { bytes: number }): AsyncGenerator<Uint8Array> {
    while (left.bytes > 0) {
      const part = await this.#some(left.bytes);
      left.bytes -= part.length;
      yield part;
    }
  }

  /** Reads to the end, so that the connection is free for another request. */
  async drain(): Promise<void> {
    this.#rest = Buffer.alloc(0);
    while (!(await this.#chunks.next()).done);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** At least one byte, at most so many. */
  async #some(limit: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) throw broken('it ends too early');
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    const part = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }
}
