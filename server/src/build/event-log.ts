import { EventEmitter, once } from 'node:events';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildEvent } from '@atoll/protocol';

type Unnumbered<E> = E extends BuildEvent ? Omit<E, 'id' | 'at'> : never;
/** An event before it has its number and time. */
export type NewBuildEvent = Unnumbered<BuildEvent>;

/** What the log of one build takes at most; the rest of the output is dropped, and said to be. */
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;
const READ_BYTES = 64 * 1024;

export type EventLogs = ReturnType<typeof createEventLogs>;

/**
 * The events of each build as lines of a file: whoever reads them, how late and how slowly, holds nothing in memory, and
 * what a build told outlives the server.
 */
export function createEventLogs(dir: string, now: () => number) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const writers = new Map<string, EventWriter>();
  const pathOf = (buildId: string): string => join(dir, `${buildId}.ndjson`);
  return {
    /** Begins the log of a build. */
    open: (buildId: string): EventWriter => {
      const writer = new EventWriter(pathOf(buildId), now, () => writers.delete(buildId));
      writers.set(buildId, writer);
      return writer;
    },
    /** Adds the last event to a log that no writer has any more. */
    closeLost: async (buildId: string, event: NewBuildEvent): Promise<void> => {
      let last = 0;
      for await (const { id } of readEvents(pathOf(buildId))) last = id;
      appendFileSync(pathOf(buildId), lineOf({ ...event, id: last + 1, at: now() }), { mode: 0o600 });
    },
    /** The events after a number; with `follow` also those to come, to the end of the build. */
    read: async function* (
      buildId: string,
      { after, follow, signal }: { after: number; follow: boolean; signal: AbortSignal },
    ): AsyncGenerator<BuildEvent> {
      const writer = writers.get(buildId);
      for await (const event of readEvents(pathOf(buildId), follow ? writer : undefined, signal)) {
        if (event.id > after) yield event;
      }
    },
    remove: (buildId: string): void => rmSync(pathOf(buildId), { force: true }),
  };
}

/** JSON of an event never holds a line end, so a line is an event. */
const lineOf = (event: object): string => `${JSON.stringify(event)}\n`;

export class EventWriter {
  readonly #path: string;
  readonly #now: () => number;
  readonly #onEnd: () => void;
  readonly #changed = new EventEmitter().setMaxListeners(0);
  #lastId = 0;
  #outputBytes = 0;
  isEnded = false;

  constructor(path: string, now: () => number, onEnd: () => void) {
    this.#path = path;
    this.#now = now;
    this.#onEnd = onEnd;
  }

  write(event: NewBuildEvent): void {
    if (this.isEnded) return;
    if (event.type === 'step_output' && this.#isFull(event)) return;
    this.#append(event);
    if (event.type === 'succeeded' || event.type === 'failed' || event.type === 'cancelled') {
      this.isEnded = true;
      this.#onEnd();
    }
    this.#changed.emit('change');
  }

  /** Resolves when something was written since, or the build has ended. */
  async changed(signal: AbortSignal): Promise<void> {
    if (!this.isEnded) await once(this.#changed, 'change', { signal });
  }

  get lastId(): number {
    return this.#lastId;
  }

  #append(event: NewBuildEvent): void {
    this.#lastId += 1;
    appendFileSync(this.#path, lineOf({ ...event, id: this.#lastId, at: this.#now() }), { mode: 0o600 });
  }

  #isFull({ text, step }: Extract<NewBuildEvent, { type: 'step_output' }>): boolean {
    const before = this.#outputBytes;
    this.#outputBytes += text.length;
    if (this.#outputBytes <= MAX_OUTPUT_BYTES) return false;
    if (before <= MAX_OUTPUT_BYTES) {
      const note = `… more than ${MAX_OUTPUT_BYTES / 1024 ** 2} MiB of output; the rest is not kept`;
      this.#append({ type: 'step_output', step, stream: 'stderr', text: note });
    }
    return true;
  }
}

/** Reads a log; with a writer it goes on until the writer has ended. */
async function* readEvents(
  path: string,
  writer?: EventWriter,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<BuildEvent> {
  const file = await open(path, 'a+', 0o600);
  try {
    let rest = '';
    let position = 0;
    const decoder = new TextDecoder();
    for (;;) {
      // Before the read: what is written during it would otherwise not be waited for.
      const seen = writer?.lastId;
      const isLast = writer === undefined || writer.isEnded;
      const chunk = await readChunk(file, position);
      position += chunk.length;
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as BuildEvent; // this module's own lines
      if (chunk.length > 0) continue;
      if (isLast) return;
      if (writer.lastId === seen) await writer.changed(signal);
    }
  } finally {
    await file.close();
  }
}

async function readChunk(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position);
  return buffer.subarray(0, bytesRead);
}
