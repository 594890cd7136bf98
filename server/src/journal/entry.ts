import { z } from 'zod';

/** 1 and 2 are what processes print; 0 is what the server has to say about the log itself. */
export type EntryStream = 0 | 1 | 2;

/** One line of a journal as it is kept. */
export const entry = z.object({
  /** Whose numbers these are; empty for remarks of the server. */
  journal: z.string(),
  seq: z.number(),
  /** Epoch milliseconds. */
  at: z.number(),
  stream: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  text: z.string(),
  /** The line was longer. */
  cut: z.boolean().optional(),
  /** Lines that are missing before this one. */
  dropped: z.number().optional(),
  /** Which process of the sandbox; absent in remarks. */
  process: z.string().optional(),
  pid: z.number().optional(),
  /** With the first line of a process in a segment. */
  command: z.string().optional(),
  managedId: z.string().optional(),
  managedName: z.string().optional(),
});
export type Entry = z.output<typeof entry>;

export const lineOf = (value: Entry): string => `${JSON.stringify(value)}\n`;

/** A full disk or a loss of power cuts lines; what is no entry is left out, so that the rest can be read. */
export function parseEntry(line: string): Entry | undefined {
  try {
    return entry.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
