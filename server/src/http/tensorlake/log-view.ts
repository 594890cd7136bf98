import type { LogEvent, LoggedProcess, LogSignal } from '@atoll/protocol';
import type { Entry, EntryStream } from '../../journal/entry.ts';
import type { PlacedEntry } from '../../journal/journal-reader.ts';
import type { ProcessSummary } from '../../journal/process-summary.ts';
import type { EntryFilter } from '../../journal/select-entries.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';

/** Programs print without levels; what they print to standard error is what somebody should look at. */
const levels: Record<EntryStream, number> = { 0: 4, 1: 3, 2: 5 };
const streamNames: Record<EntryStream, string> = { 0: 'server', 1: 'stdout', 2: 'stderr' };
const streams: readonly EntryStream[] = [0, 1, 2];

const toNs = (ms: number): number => ms * 1_000_000;

export interface WireFilter {
  level?: number[] | undefined;
  processId?: string[] | undefined;
  body?: string | undefined;
  since?: number | undefined;
}

export function toFilter({ level, processId, body, since }: WireFilter): EntryFilter {
  return {
    ...(level && { streams: new Set(streams.filter((stream) => level.includes(levels[stream]))) }),
    ...(processId && { processes: new Set(processId) }),
    ...(body !== undefined && { text: body }),
    ...(since !== undefined && { since }),
  };
}

export function toLogSignal(entry: Entry, record: SandboxRecord, namespace: string): LogSignal {
  const { at, stream, text, cut, dropped, process, pid } = entry;
  return {
    timestamp: toNs(at),
    uuid: uuidOf(entry),
    namespace,
    application: record.name ?? record.id,
    sandboxId: record.id,
    resourceAttributes: [
      ...attribute('process.id', process),
      ...attribute('process.pid', pid),
      ...attribute('log.dropped', dropped),
    ],
    body: text,
    logAttributes: JSON.stringify({ stream: streamNames[stream], ...(cut && { cut }) }),
    level: levels[stream],
  };
}

const attribute = (name: string, value: string | number | undefined): [string, string][] =>
  value === undefined ? [] : [[name, String(value)]];

/** Journal and number say which line it is; a remark stands before the line that has its number. */
function uuidOf({ journal, seq, at, stream }: Entry): string {
  const number = journal === '' ? at : seq;
  const digits = (stream === 0 ? 'a' : '8') + number.toString(16).padStart(15, '0');
  const all = journal.slice(0, 16).padEnd(16, '0') + digits;
  return all.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export const toLogEvent = (
  { entry, end }: PlacedEntry,
  record: SandboxRecord,
  namespace: string,
): LogEvent => ({
  id: end,
  kind: 'line',
  line: toLogSignal(entry, record, namespace),
});

export const toLoggedProcess = (summary: ProcessSummary): LoggedProcess => ({
  processId: summary.process,
  processPid: String(summary.pid ?? ''),
  processCommand: summary.command ?? '',
  processManagedId: summary.managedId ?? '',
  processManagedName: summary.managedName ?? '',
  firstSeen: toNs(summary.firstAt),
  lastSeen: toNs(summary.lastAt),
  logCount: summary.lines,
});
