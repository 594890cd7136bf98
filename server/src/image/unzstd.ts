import { createZstdDecompress } from 'node:zlib';
import type { Transform } from 'node:stream';

export function createUnzstd(chunkBytes: number): Transform {
  return createZstdDecompress({ chunkSize: chunkBytes });
}
