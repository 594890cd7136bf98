import type { PlacedEntry } from './journal-reader.ts';

/** A process of which lines are kept. */
export interface ProcessSummary {
  process: string;
  pid?: number;
  command?: string;
  managedId?: string;
  managedName?: string;
  /** Epoch milliseconds. */
  firstAt: number;
  lastAt: number;
  lines: number;
}

/** More are not told apart: what a sandbox starts is without end. */
const MAX_PROCESSES = 10_000;

/** The processes whose lines are kept, in the order of their first ones. */
export async function summarize(found: AsyncIterable<PlacedEntry>): Promise<ProcessSummary[]> {
  const processes = new Map<string, ProcessSummary>();
  for await (const { entry } of found) {
    const { process, at, pid, command, managedId, managedName } = entry;
    if (process === undefined) continue;
    const known = processes.get(process);
    if (known === undefined && processes.size >= MAX_PROCESSES) continue;
    processes.set(process, {
      process,
      ...known,
      ...(pid !== undefined && { pid }),
      ...(command !== undefined && { command }),
      ...(managedId !== undefined && { managedId }),
      ...(managedName !== undefined && { managedName }),
      firstAt: Math.min(known?.firstAt ?? at, at),
      lastAt: Math.max(known?.lastAt ?? at, at),
      lines: (known?.lines ?? 0) + 1,
    });
  }
  return [...processes.values()];
}
