import { readFile } from 'node:fs/promises';

/** What the host's processors can do: a program that has looked once relies on it for as long as it lives. */
export async function readCpuFeatures(path = '/proc/cpuinfo'): Promise<string[]> {
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(await readFile(path, 'utf8'))?.[1] ?? '';
  return [...new Set(flags.split(/\s+/).filter(Boolean))].toSorted();
}
