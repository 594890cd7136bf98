import { open } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import type { Duplex } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ApiError } from '@atoll/protocol';
import { unzstd } from './unzstd.ts';

const CHUNK_BYTES = 256 * 1024;

/** A stage of a pipeline. */
export type Decompressor = Duplex | ((chunks: AsyncIterable<Buffer>) => AsyncIterable<Buffer>);

/**
 * A stage that undoes a layer's compression. The first bytes decide, not the media type: tools are known
 * to mislabel layers, and the digest of the result is verified anyway.
 */
export async function decompressor(path: string): Promise<Decompressor> {
  const magic = await firstBytes(path);
  if (magic.readUInt16BE(0) === 0x1f8b) return createGunzip({ chunkSize: CHUNK_BYTES });
  if (isZstd(magic)) return (chunks) => unzstd(chunks, CHUNK_BYTES);
  if (magic.toString('latin1', 0, 3) === 'BZh' || magic.toString('latin1', 1, 5) === '7zXZ') {
    throw new ApiError('unsupported', 'layers compressed with bzip2 or xz are not supported', {
      hint: 'Use gzip, zstd or no compression.',
    });
  }
  return new PassThrough();
}

/** A zstd frame, or a skippable frame as zstd:chunked and seekable zstd use them. */
function isZstd(magic: Buffer): boolean {
  const number = magic.readUInt32LE(0);
  return number === 0xfd2fb528 || (number & 0xfffffff0) >>> 0 === 0x184d2a50;
}

async function firstBytes(path: string): Promise<Buffer> {
  const handle = await open(path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    return buffer;
  } finally {
    await handle.close();
  }
}
