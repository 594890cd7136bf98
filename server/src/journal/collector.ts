import { readJournal } from '../agent/journal-stream.ts';
import type { AgentLine } from '../agent/journal-stream.ts';
import { pause } from '../lib/deadline.ts';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { hideValues } from './hide-values.ts';
import type { JournalWriter } from './journal-writer.ts';

/** The agent whose journal is kept. */
export interface JournalSource {
  endpoint: SlotEndpoint;
  token: string;
  /** Values that its log does not show. */
  secretValues?: readonly string[];
}

const RETRY_AFTER_MS = 500;
const MAX_RETRY_MS = 60_000;
/** A stream that stood this long ended for a reason of its own. */
const CALM_AFTER_MS = 10_000;
/** What an agent that answers hands over within an instant. */
const LAST_LINES_WITHIN_MS = 3_000;

const NO_JOURNAL = 'what processes print is not kept: the agent of this sandbox is of an earlier version';

export interface Collecting {
  source: JournalSource;
  writer: JournalWriter;
  onWritten: () => void;
  signal: AbortSignal;
}

/** Writes down what the processes of a sandbox print, until the signal. Its state is all on disk and in the agent. */
export async function collect({ source, writer, onWritten, signal }: Collecting): Promise<void> {
  for (let breaks = 0; !signal.aborted; breaks += 1) {
    const startedAt = Date.now();
    const end = await readInto(writer, onWritten, { ...source, follow: true, signal });
    if (end === 'unknown' && !signal.aborted) return void (await writer.remark(NO_JOURNAL));
    if (Date.now() - startedAt >= CALM_AFTER_MS) breaks = 0;
    await pause(Math.min(MAX_RETRY_MS, RETRY_AFTER_MS * 2 ** breaks), signal);
  }
}

/** Takes what an agent that is about to end still has. */
export async function collectLast(
  source: JournalSource,
  writer: JournalWriter,
  onWritten: () => void,
): Promise<void> {
  const signal = AbortSignal.timeout(LAST_LINES_WITHIN_MS);
  await readInto(writer, onWritten, { ...source, follow: false, signal });
}

function readInto(
  writer: JournalWriter,
  onWritten: () => void,
  reading: JournalSource & { follow: boolean; signal: AbortSignal },
): Promise<'ended' | 'unknown'> {
  const hide = hideValues(reading.secretValues ?? []);
  return readJournal({
    ...reading,
    seen: writer.seen,
    onHead: (head) => writer.begin(head),
    onLines: async (lines) => {
      await writer.append(lines.map((line) => withoutValues(line, hide)));
      onWritten();
    },
  });
}

const withoutValues = (line: AgentLine, hide: (text: string) => string): AgentLine => ({
  ...line,
  text: hide(line.text),
  ...(line.command !== undefined && { command: hide(line.command) }),
});
