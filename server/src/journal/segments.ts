import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A journal is files with rising numbers; the oldest go first. */
export interface JournalLimits {
  segmentBytes: number;
  maxSegments: number;
}

export const usualJournalLimits: JournalLimits = { segmentBytes: 2 * 1024 ** 2, maxSegments: 4 };

export const segmentPath = (dir: string, segment: number): string => join(dir, `${segment}.ndjson`);

/** The numbers of the segments that are there, the oldest first. */
export async function listSegments(dir: string): Promise<number[]> {
  const names = await readdir(dir).catch(ifMissing<string[]>([]));
  return names
    .flatMap((name) => /^(\d{1,6})\.ndjson$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** Answers in place of a file that is not there: it was never written, or its time was over. */
export const ifMissing =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return instead;
    throw error;
  };

const SEGMENT_SPAN = 2 ** 32;

/** Where an entry ends, as one number that rises along a journal and stays what it is when old segments go. */
export const positionOf = (segment: number, offset: number): number => segment * SEGMENT_SPAN + offset;

export const placeOf = (position: number) => ({
  segment: Math.floor(position / SEGMENT_SPAN),
  offset: position % SEGMENT_SPAN,
});
