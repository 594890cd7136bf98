import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { ApiError } from '@atoll/protocol';

/** A layer as it goes into the blob store. */
export interface LayerFile {
  mediaType: string;
  digest: string;
  /** Digest of the uncompressed layer. */
  diffId: string;
  sizeBytes: number;
  uncompressedBytes: number;
}

/** Snapshots are taken while somebody waits: the lowest level is as fast as a disk and saves most of what there is. */
const LEVEL = 1;
const CHUNK_BYTES = 256 * 1024;

/** Writes a tar stream as a compressed, synced file; `rewrite` turns what comes into a layer before it is counted. */
export async function writeLayerFile(
  tar: AsyncIterable<Buffer>,
  rewrite: Duplex,
  file: string,
  signal: AbortSignal,
): Promise<LayerFile> {
  const plain = createMeter();
  const packed = createMeter();
  const compress = createZstdCompress({
    chunkSize: CHUNK_BYTES,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  });
  const output = createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true });
  await pipeline(tar, rewrite, plain.tap, compress, packed.tap, output, { signal }).catch(explain);
  return {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
    digest: packed.digest(),
    diffId: plain.digest(),
    sizeBytes: packed.sizeBytes(),
    uncompressedBytes: plain.sizeBytes(),
  };
}

function explain(cause: unknown): never {
  const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
  throw isFull ? new ApiError('host_out_of_disk', 'no room for another layer', { cause }) : cause;
}

/** Counts and hashes what passes. */
function createMeter() {
  const hash: Hash = createHash('sha256');
  let sizeBytes = 0;
  return {
    async *tap(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        yield chunk;
      }
    },
    digest: (): string => `sha256:${hash.digest('hex')}`,
    sizeBytes: (): number => sizeBytes,
  };
}
