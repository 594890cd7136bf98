import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { decompressor } from './decompress.ts';
import { createVerifier } from './digest.ts';

const VERIFY_TIMEOUT_MS = 30 * 60_000;

/**
 * Proves that a blob unpacks to the layer that its image claims. Without this, a config that names the diff id of
 * somebody else's layer would get that layer for the asking, as it is unpacked already.
 */
export async function verifyLayer(blob: string, diffId: string, signal: AbortSignal): Promise<void> {
  const verifier = createVerifier(diffId, 'the uncompressed layer');
  const unzip = await decompressor(blob);
  const source = createReadStream(blob, { highWaterMark: 1024 * 1024 });
  const consume = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) verifier.update(chunk);
  };
  await pipeline(source, unzip, consume, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(VERIFY_TIMEOUT_MS)]),
  });
  verifier.verify();
}
