import { EventEmitter, once } from 'node:events';
import { appendFileSync, truncateSync } from 'node:fs';
import type { BuildEvent } from '@atoll/protocol';

type Unnumbered<E> = E extends BuildEvent ? Omit<E, 'id' | 'at'> : never;
/** An event before it has its number and time. */
export type NewBuildEvent = Unnumbered<BuildEvent>;

/** What logs may take, in bytes of the file. */
export interface LogLimits {
  /** Of one step: what it is told at most, so that one talkative step leaves room for those after it. */
  maxStepBytes: number;
  /** Of all output, warnings and messages of a build; what else is told is as bounded as the Dockerfile. */
  maxBuildBytes: number;
}

export const usualLogLimits: LogLimits = { maxStepBytes: 16 * 1024 ** 2, maxBuildBytes: 64 * 1024 ** 2 };

export interface EventLogOptions {
  now: () => number;
  limits?: LogLimits;
  /** Told once for each log that could not be written. */
  onError?: (error: unknown, path: string) => void;
}

/** Lines are collected for so long: a file that is opened for each line would keep the server from all else. */
const COLLECT_MS = 20;
const MAX_COLLECTED_CHARS = 256 * 1024;

/** JSON of an event never holds a line end, so a line is an event. */
const lineOf = (event: object): string => `${JSON.stringify(event)}\n`;

/** Writes the log of one build. Never throws: a build goes on and ends without a log, too. */
export class EventWriter {
  readonly #path: string;
  readonly #options: EventLogOptions;
  readonly #limits: LogLimits;
  readonly #onEnd: () => void;
  readonly #changed = new EventEmitter().setMaxListeners(0);
  #lastId = 0;
  #collected: string[] = [];
  #collectedChars = 0;
  #flushing: NodeJS.Timeout | undefined;
  #fileBytes = 0;
  #bytes = 0;
  #hasFailed = false;
  readonly #stepBytes = new Map<number, number>();
  readonly #dropped = new Set<number>();
  /** The number of the last event that is in the file. */
  writtenId = 0;
  /** The last event, once there is one. */
  end: BuildEvent | undefined;

  constructor(path: string, options: EventLogOptions, onEnd: () => void) {
    this.#path = path;
    this.#options = options;
    this.#limits = options.limits ?? usualLogLimits;
    this.#onEnd = onEnd;
  }

  get isEnded(): boolean {
    return this.end !== undefined;
  }

  write(event: NewBuildEvent): void {
    if (this.isEnded) return;
    switch (event.type) {
      case 'step_output':
        return this.#writeOutput(event);
      case 'warning':
      case 'message':
        return this.#writeBounded(event);
      case 'succeeded':
      case 'failed':
      case 'cancelled':
        return this.#writeEnd(event);
      case 'step_ended':
        this.#stepBytes.delete(event.step);
    }
    this.#collect(event);
  }

  /** Resolves when something was written since, or the build has ended. */
  async changed(signal: AbortSignal): Promise<void> {
    if (!this.isEnded) await once(this.#changed, 'change', { signal });
  }

  /** Writes what was collected, in one go. */
  flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    if (this.#collected.length === 0) return;
    const bytes = Buffer.from(this.#collected.join(''));
    this.#collected = [];
    this.#collectedChars = 0;
    this.#append(bytes);
    this.writtenId = this.#lastId;
    this.#changed.emit('change');
  }

  /** Half a line would be glued to the next; what the disk has no room for is left out as a whole. */
  #append(bytes: Buffer): void {
    try {
      appendFileSync(this.#path, bytes, { mode: 0o600 });
      this.#fileBytes += bytes.length;
    } catch (error) {
      if (!this.#hasFailed) this.#options.onError?.(error, this.#path);
      this.#hasFailed = true;
      this.#cut();
    }
  }

  #cut(): void {
    try {
      truncateSync(this.#path, this.#fileBytes);
    } catch {
      // Readers pass over half a line; the next one is lost with it.
    }
  }

  #writeOutput(event: Extract<NewBuildEvent, { type: 'step_output' }>): void {
    const { step } = event;
    // Before anything is made of it: a step may say a million lines a second for an hour.
    if (this.#dropped.has(step)) return;
    const line = this.#next(event);
    const size = Buffer.byteLength(line);
    const ofStep = (this.#stepBytes.get(step) ?? 0) + size;
    this.#stepBytes.set(step, ofStep);
    if (ofStep <= this.#limits.maxStepBytes && this.#bytes + size <= this.#limits.maxBuildBytes) {
      this.#bytes += size;
      return this.#push(line);
    }
    this.#dropped.add(step);
    const text = '… the rest of the output of this step is not kept: the log of a build is bounded';
    this.#collect({ type: 'step_output', step, stream: 'stderr', text });
  }

  #writeBounded(event: NewBuildEvent): void {
    const line = this.#next(event);
    const size = Buffer.byteLength(line);
    if (this.#bytes + size > this.#limits.maxBuildBytes) return;
    this.#bytes += size;
    this.#push(line);
  }

  /** It ends in memory whatever becomes of the file: who follows must not wait for a disk. */
  #writeEnd(event: NewBuildEvent): void {
    const end = { ...event, id: this.#lastId + 1, at: this.#options.now() };
    this.#collect(event);
    this.end = end as BuildEvent; // all its fields but the two that are added here
    this.flush();
    this.#onEnd();
  }

  #collect(event: NewBuildEvent): void {
    this.#push(this.#next(event));
  }

  /** The line of the event that comes next, if it does. */
  #next(event: NewBuildEvent): string {
    return lineOf({ ...event, id: this.#lastId + 1, at: this.#options.now() });
  }

  #push(line: string): void {
    this.#lastId += 1;
    this.#collected.push(line);
    this.#collectedChars += line.length;
    if (this.#collectedChars >= MAX_COLLECTED_CHARS) this.flush();
    else this.#flushing ??= setTimeout(() => this.flush(), COLLECT_MS);
  }
}
