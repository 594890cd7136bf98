import { Readable, pipeline } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { ApiError } from '@atoll/protocol';
import { ZstdFrames } from './zstd-frame.ts';
import type { FramePart } from './zstd-frame.ts';

/** Decompresses a zstd stream of any number of frames; a frame expands only as fast as it is read. */
export async function* unzstd(chunks: AsyncIterable<Buffer>, chunkBytes: number): AsyncGenerator<Buffer> {
  const parts = splitFrames(chunks);
  for (let first = await parts.next(); !first.done; first = await parts.next()) {
    const output = createZstdDecompress({ chunkSize: chunkBytes });
    // A failure destroys `output` with its cause, which the loop then throws.
    pipeline(Readable.from(restOfFrame(first.value, parts)), output, () => {});
    yield* output;
  }
}

async function* splitFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<FramePart> {
  const frames = new ZstdFrames();
  for await (const chunk of chunks) yield* frames.split(chunk);
  if (!frames.isBetween)
    throw new ApiError('invalid_request', 'the layer is damaged: its last zstd frame is cut off');
}

async function* restOfFrame(first: FramePart, parts: AsyncGenerator<FramePart>): AsyncGenerator<Buffer> {
  yield first.bytes;
  for (let part = first; !part.endsFrame;) {
    const next = await parts.next();
    if (next.done) return;
    part = next.value;
    yield part.bytes;
  }
}
