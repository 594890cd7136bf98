import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifMissing } from './segments.ts';

export interface JournalRetention {
  /** How long the journal of an ended sandbox is kept. */
  keepForMs: number;
  /** What the journals of all ended sandboxes may take; the oldest go first. */
  maxBytes: number;
}

export const usualRetention: JournalRetention = { keepForMs: 7 * 24 * 3_600_000, maxBytes: 1024 ** 3 };

interface Ended {
  dir: string;
  endedAt: number;
  sizeBytes: number;
}

/** Deletes journals of ended sandboxes. A delete that is cut is finished by the next sweep. */
export async function sweepJournals(
  root: string,
  living: ReadonlySet<string>,
  now: number,
  { keepForMs, maxBytes }: JournalRetention,
): Promise<void> {
  const ended: Ended[] = [];
  for (const id of await readdir(root)) {
    if (!living.has(id)) ended.push(await measure(join(root, id)));
  }
  let keptBytes = 0;
  for (const { dir, endedAt, sizeBytes } of ended.toSorted((a, b) => b.endedAt - a.endedAt)) {
    keptBytes += sizeBytes;
    if (keptBytes > maxBytes || now - endedAt > keepForMs) await rm(dir, { recursive: true, force: true });
  }
}

async function measure(dir: string): Promise<Ended> {
  const { mtimeMs } = await stat(dir);
  let sizeBytes = 0;
  for (const name of await readdir(dir)) {
    const found = await stat(join(dir, name)).catch(ifMissing(undefined));
    sizeBytes += found?.size ?? 0;
  }
  return { dir, endedAt: mtimeMs, sizeBytes };
}
