import { mkdir, open, rm, truncate } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { AgentLine, JournalHead } from '../agent/journal-stream.ts';
import { lineOf, parseEntry } from './entry.ts';
import type { Entry } from './entry.ts';
import { ifMissing, listSegments, segmentPath } from './segments.ts';
import type { JournalLimits } from './segments.ts';

/** More than the longest entry takes. */
const TAIL_BYTES = 256 * 1024;
/** A disk that was full is tried again after this. */
const RETRY_AFTER_MS = 5_000;
/** How many processes are known by what they are; one beyond is introduced again when it starts anew. */
const MAX_KNOWN = 250;

export interface JournalWriterOptions {
  dir: string;
  limits: JournalLimits;
  now: () => number;
  /** Told when nothing can be written, once until it can again. */
  onError: (error: unknown) => void;
}

type Introduction = Pick<Entry, 'pid' | 'command' | 'managedId' | 'managedName'>;

/** Writes the journal of one sandbox; one at a time. It never fails: a sandbox lives on without a log, too. */
export class JournalWriter {
  readonly #options: JournalWriterOptions;
  readonly #known = new Map<string, Introduction>();
  readonly #introduced = new Set<string>();
  #segments: number[];
  #sizeBytes: number;
  #last: Entry | undefined;
  #seen: JournalHead;
  #failedAt: number | undefined;

  private constructor(options: JournalWriterOptions, found: Found) {
    this.#options = options;
    this.#segments = found.segments;
    this.#sizeBytes = found.sizeBytes;
    this.#last = found.last;
    this.#seen = { journal: found.last?.journal ?? '', after: found.last?.seq ?? 0 };
  }

  /** Goes on where an earlier process ended, in the middle of a line as it may be. */
  static async open(options: JournalWriterOptions): Promise<JournalWriter> {
    return new JournalWriter(options, await find(options.dir));
  }

  /** What is written, so that a reading can go on behind it. */
  get seen(): JournalHead {
    return this.#seen;
  }

  /** The numbers that follow are of this journal, behind this one. */
  begin(seen: JournalHead): void {
    this.#seen = seen;
  }

  async append(lines: readonly AgentLine[]): Promise<void> {
    if (!this.#mayTry()) return;
    for (const line of lines) this.#learn(line);
    await this.#write(() => this.#entriesOf(lines));
  }

  /** Says something about the log itself, unless that was the last thing that was said. */
  async remark(text: string): Promise<void> {
    if (this.#last?.journal === '' && this.#last.text === text) return;
    await this.#write(() => [{ journal: '', seq: 0, at: this.#options.now(), stream: 0, text }]);
  }

  #learn({ process, pid, command, managed_id: managedId, managed_name: managedName }: AgentLine): void {
    if (command === undefined) return;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(process, {
      command,
      ...(pid !== undefined && { pid }),
      ...(managedId !== undefined && { managedId, managedName: managedName ?? '' }),
    });
  }

  /** Numbers that do not rise are nothing that an agent of ours says. */
  #entriesOf(lines: readonly AgentLine[]): Entry[] {
    let { after } = this.#seen;
    const { journal } = this.#seen;
    return lines.flatMap((line) => {
      const missing = line.seq - after - 1;
      if (missing < 0) return [];
      after = line.seq;
      const kept = this.#entryOf(journal, line);
      return missing > 0 ? [gapBefore(journal, line, missing), kept] : [kept];
    });
  }

  /** With the first line of a process in a segment goes what it is, so that each segment can be read alone. */
  #entryOf(journal: string, { seq, at, process, stream, text, cut }: AgentLine): Entry {
    const known = this.#known.get(process);
    const isFirst = !this.#introduced.has(process);
    if (this.#introduced.size >= MAX_KNOWN) this.#introduced.clear();
    if (isFirst) this.#introduced.add(process);
    const pid = known?.pid !== undefined && { pid: known.pid };
    return { journal, seq, at, stream, process, ...pid, ...(isFirst && known), text, ...(cut && { cut }) };
  }

  #mayTry(): boolean {
    return this.#failedAt === undefined || this.#options.now() - this.#failedAt >= RETRY_AFTER_MS;
  }

  /** What the disk has no room for is left out as a whole; the gap in the numbers tells of it later. */
  async #write(makeEntries: () => Entry[]): Promise<void> {
    try {
      if (this.#segments.length === 0 || this.#sizeBytes >= this.#options.limits.segmentBytes)
        await this.#rotate();
      const entries = makeEntries();
      const last = entries.at(-1);
      if (last === undefined) return;
      await this.#appendBytes(Buffer.from(entries.map(lineOf).join('')));
      this.#last = last;
      if (last.journal !== '') this.#seen = { journal: last.journal, after: last.seq };
      this.#failedAt = undefined;
    } catch (error) {
      if (this.#failedAt === undefined) this.#options.onError(error);
      this.#failedAt = this.#options.now();
      this.#introduced.clear();
    }
  }

  async #appendBytes(bytes: Buffer): Promise<void> {
    const path = this.#path();
    const file = await open(path, 'a', 0o600);
    try {
      await writeAll(file, bytes);
      this.#sizeBytes += bytes.length;
    } catch (error) {
      // Half a line would be glued to the next.
      await file.truncate(this.#sizeBytes).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
  }

  async #rotate(): Promise<void> {
    const { dir, limits } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const next = (this.#segments.at(-1) ?? 0) + 1;
    await (await open(segmentPath(dir, next), 'a', 0o600)).close();
    this.#segments.push(next);
    this.#sizeBytes = 0;
    this.#introduced.clear();
    for (const segment of this.#segments.slice(0, -limits.maxSegments))
      await rm(segmentPath(dir, segment), { force: true });
    this.#segments = this.#segments.slice(-limits.maxSegments);
  }

  #path(): string {
    return segmentPath(this.#options.dir, this.#segments.at(-1) ?? 1);
  }
}

function gapBefore(journal: string, { seq, at }: AgentLine, dropped: number): Entry {
  const text = `… ${dropped} ${dropped === 1 ? 'line is' : 'lines are'} missing here: more came than could be kept`;
  return { journal, seq: seq - 1, at, stream: 0, text, dropped };
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length;)
    written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
}

interface Found {
  segments: number[];
  sizeBytes: number;
  last?: Entry;
}

async function find(dir: string): Promise<Found> {
  const segments = await listSegments(dir);
  let sizeBytes = 0;
  for (const segment of segments.toReversed()) {
    const tail = await readTail(segmentPath(dir, segment));
    if (segment === segments.at(-1)) sizeBytes = tail.sizeBytes;
    // A segment may have been begun and not written to.
    if (tail.last) return { segments, sizeBytes, last: tail.last };
  }
  return { segments, sizeBytes };
}

/** The last entry of a segment, of which half a line at the end is cut off. */
async function readTail(path: string): Promise<{ sizeBytes: number; last?: Entry | undefined }> {
  const file = await open(path, 'r').catch(ifMissing(undefined));
  if (!file) return { sizeBytes: 0 };
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
    if (end < bytesRead) await truncate(path, from + end);
    const lines = buffer.toString('utf8', 0, end).split('\n');
    const last = lines.toReversed().map(parseEntry).find(Boolean);
    return { sizeBytes: from + end, last };
  } finally {
    await file.close();
  }
}
