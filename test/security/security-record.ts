import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DriverName } from '../fixtures/driver-under-test.ts';

/** Who tries it inside. */
export type User = 'root' | 'tl-user';

/** What stands around a process: as it sees itself inside, or as the host sees it. */
export interface Confinement {
  /** Names of the effective ones. */
  capabilities: string[];
  /** Whether its system calls are filtered. */
  isFiltered: boolean;
  /** Whether programs that it starts can gain no privileges. */
  gainsNothing: boolean;
  /** Whether it is root of the host's own ids. */
  isHostRoot: boolean;
  /** Kinds of namespaces that it has in common with the host. */
  sharedNamespaces: string[];
}

/** What the security run found on one driver; SECURITY.md shows it. */
export interface DriverRecord {
  inside: Record<User, Confinement>;
  /** Every process that the host has for a running sandbox, together. */
  outside: Confinement;
  /** By attempt and user: `refused: WHY`, or `own` where it got what is the sandbox's to have. */
  attempts: Record<string, Record<User, string>>;
  /** By what was used up: what became of the sandbox. */
  exhaustion: Record<string, string>;
}

export type SecurityRecord = Partial<Record<DriverName, DriverRecord>>;

const path = join(import.meta.dirname, 'record.json');

/** What was found when the record was last written. */
export const readRecord = (): SecurityRecord =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as SecurityRecord) : {}; // written below

/** With ATOLL_SECURITY_RECORD=1 the run writes what it finds; otherwise it holds it against what was found before. */
export const isRecording = process.env['ATOLL_SECURITY_RECORD'] === '1';

/** Puts one driver's findings in the place of its earlier ones. */
export function writeRecord(driver: DriverName, found: DriverRecord): void {
  const record = { ...readRecord(), [driver]: found };
  const sorted = Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** The names in `ATTEMPTS` of a program of attempts. */
export function attemptNames(program: string): string[] {
  const table = /^ATTEMPTS = \{\n(.*?)^\}/ms.exec(program)?.[1] ?? '';
  return [...table.matchAll(/^ {4}"([^"]+)": /gm)].map(([, name = '']) => name);
}
