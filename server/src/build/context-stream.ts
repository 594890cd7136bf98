import { createGunzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import { unzstd } from '../image/unzstd.ts';

const CHUNK_BYTES = 256 * 1024;

/** Undoes the compression of a context, which its first bytes tell. */
export async function* readContext(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = chunks[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let size = 0;
  while (size < 4) {
    const { value, done } = await source.next();
    if (done) break;
    first.push(value);
    size += value.length;
  }
  const start = Buffer.concat(first);
  const all = rejoin(start, source);
  if (start.length === 0) throw new ApiError('invalid_request', 'the context is empty: send a tar archive');
  try {
    yield* decompressed(start, all);
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    throw new ApiError('invalid_request', 'the context cannot be decompressed', { cause });
  }
}

function decompressed(start: Buffer, all: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  if (start.length >= 2 && start.readUInt16BE(0) === 0x1f8b) {
    const unzip = createGunzip({ chunkSize: CHUNK_BYTES });
    const source = Readable.from(all);
    source.once('error', (error) => unzip.destroy(error));
    return source.pipe(unzip);
  }
  if (start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528) return unzstd(all, CHUNK_BYTES);
  return all;
}

async function* rejoin(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield start;
  for (;;) {
    const { value, done } = await rest.next();
    if (done) return;
    yield value;
  }
}

/** Codes of zlib and zstd. */
const isDamage = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^(Z_|ZSTD_)/.test(String(error.code));
