import { mkdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildEvent } from '@atoll/protocol';
import { EventWriter } from './event-writer.ts';
import type { EventLogOptions } from './event-writer.ts';

const READ_BYTES = 64 * 1024;

export interface LogReading {
  after: number;
  follow: boolean;
  signal: AbortSignal;
  /** How the build ended, once nobody writes its log any more. */
  end?: BuildEvent;
}

const isEnd = (event: BuildEvent | undefined): boolean =>
  event?.type === 'succeeded' || event?.type === 'failed' || event?.type === 'cancelled';

export type EventLogs = ReturnType<typeof createEventLogs>;

/**
 * The events of each build as lines of a file: whoever reads them, how late and how slowly, holds nothing in memory, and
 * what a build told outlives the server.
 */
export function createEventLogs(dir: string, options: EventLogOptions) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const writers = new Map<string, EventWriter>();
  const pathOf = (buildId: string): string => join(dir, `${buildId}.ndjson`);
  return {
    /** Begins the log of a build. */
    open: (buildId: string): EventWriter => {
      const writer = new EventWriter(pathOf(buildId), options, () => writers.delete(buildId));
      writers.set(buildId, writer);
      return writer;
    },
    /**
     * The events after a number; with `follow` also those to come, to the end of the build. A server that was killed, or
     * a full disk, leaves a log without its end: `end` is told in its place, also to who has seen more than is left.
     */
    read: async function* (
      buildId: string,
      { after, follow, signal, end }: LogReading,
    ): AsyncGenerator<BuildEvent> {
      const writer = writers.get(buildId);
      writer?.flush();
      let last: BuildEvent | undefined;
      for await (const event of readEvents(pathOf(buildId), follow ? writer : undefined, signal)) {
        last = event;
        if (event.id > after) yield event;
      }
      if (end && !isEnd(last)) yield { ...end, id: Math.max(after, last?.id ?? 0) + 1 };
    },
    remove: (buildId: string): void => rmSync(pathOf(buildId), { force: true }),
  };
}

/** Reads a log; with a writer it goes on until the writer has ended. */
async function* readEvents(
  path: string,
  writer?: EventWriter,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<BuildEvent> {
  const file = await open(path, 'a+', 0o600);
  let last = 0;
  try {
    let rest = '';
    let position = 0;
    const decoder = new TextDecoder();
    for (;;) {
      // Before the read: what is written during it would otherwise not be waited for.
      const seen = writer?.writtenId;
      const isLast = writer === undefined || writer.isEnded;
      const chunk = await readChunk(file, position);
      position += chunk.length;
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const event of lines.flatMap(parseLine)) {
        last = event.id;
        yield event;
      }
      if (chunk.length > 0) continue;
      if (isLast) break;
      if (writer.writtenId === seen) await writer.changed(signal);
    }
  } finally {
    await file.close();
  }
  // The file has no end when the disk had no room for it; who waited for it gets it all the same.
  if (writer?.end && writer.end.id > last) yield writer.end;
}

/** A full disk or a loss of power cuts lines; what is no event is left out, so that the rest can be read. */
function parseLine(line: string): BuildEvent[] {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent = typeof value === 'object' && value !== null && 'id' in value && 'type' in value;
    return isEvent ? [value as BuildEvent] : []; // this module's own lines
  } catch {
    return [];
  }
}

async function readChunk(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position);
  return buffer.subarray(0, bytesRead);
}
