import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { parseEntry } from './entry.ts';
import type { Entry } from './entry.ts';
import { ifMissing, listSegments, placeOf, positionOf, segmentPath } from './segments.ts';

const READ_BYTES = 64 * 1024;
const LINE_END = 0x0a;

/** An entry and where it begins and ends. */
export interface PlacedEntry {
  entry: Entry;
  start: number;
  end: number;
}

/** The entries that are kept behind a position, the oldest first, to where the journal ends now. */
export async function* readEntries(dir: string, after = 0): AsyncGenerator<PlacedEntry> {
  const from = placeOf(after);
  for (const segment of await listSegments(dir)) {
    if (segment < from.segment) continue;
    const file = await open(segmentPath(dir, segment), 'r').catch(ifMissing(undefined));
    if (file) yield* readSegment(file, segment, segment === from.segment ? from.offset : 0);
  }
}

async function* readSegment(file: FileHandle, segment: number, from: number): AsyncGenerator<PlacedEntry> {
  try {
    let start = from;
    let rest = Buffer.alloc(0);
    for (;;) {
      const chunk = await readChunk(file, start + rest.length);
      if (chunk.length === 0) return;
      const bytes = Buffer.concat([rest, chunk]);
      let begin = 0;
      for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, begin)) {
        const parsed = parseEntry(bytes.toString('utf8', begin, end));
        const length = end + 1 - begin;
        if (parsed)
          yield {
            entry: parsed,
            start: positionOf(segment, start),
            end: positionOf(segment, start + length),
          };
        start += length;
        begin = end + 1;
      }
      rest = bytes.subarray(begin);
    }
  } finally {
    await file.close();
  }
}

async function readChunk(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position);
  return buffer.subarray(0, bytesRead);
}
