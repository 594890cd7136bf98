import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, run } from '../lib/run.ts';

/** What a check looks at. Nothing else: with another context it judges another machine. */
export interface DoctorContext {
  /** PATH says which programs there are. */
  env: Readonly<Record<string, string | undefined>>;
  /** Where /proc, /sys and /dev are; `/` but in tests. */
  hostRoot: string;
  userId: number;
  nodeVersion: string;
  cacheDir: string;
  dataDir: string;
  listen: { host: string; port: number };
  /** The checkout's set-up script, which repairs most of what is missing. */
  setupScript: string;
  signal: AbortSignal;
}

export interface CheckResult {
  /** `warn`: Atoll runs, but something is worse than it could be. `fail`: sandboxes will not start. */
  status: 'ok' | 'warn' | 'fail';
  detail: string;
  /** What to do next; always there unless the status is `ok`. */
  fix?: string;
}

export interface Check {
  id: string;
  title: string;
  run(context: DoctorContext): Promise<CheckResult>;
  /** Repairs what can be repaired without risk; the check then runs again. */
  repair?(context: DoctorContext): Promise<void>;
}

export const ok = (detail: string): CheckResult => ({ status: 'ok', detail });
export const warn = (detail: string, fix: string): CheckResult => ({ status: 'warn', detail, fix });
export const fail = (detail: string, fix: string): CheckResult => ({ status: 'fail', detail, fix });

const PROBE_TIMEOUT_MS = 30_000;
const SETUP_TIMEOUT_MS = 20 * 60_000;

export interface ProbeOptions {
  input?: string;
  timeoutMs?: number;
}

/** Runs a program of the host for a check; undefined if it is not installed. */
export async function probe(
  context: DoctorContext,
  argv: readonly string[],
  { input, timeoutMs = PROBE_TIMEOUT_MS }: ProbeOptions = {},
): Promise<{ works: boolean; output: string } | undefined> {
  try {
    const { stdout, stderr } = await run(argv, {
      timeoutMs,
      signal: context.signal,
      env: { PATH: context.env['PATH'] ?? '' },
      ...(input !== undefined && { input }),
    });
    return { works: true, output: (stdout || stderr).trim() };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof CommandError)) throw error;
    if (error.exitCode === null && error.message.includes('ENOENT')) return undefined;
    return { works: false, output: lastLine(error.stderr) || error.message };
  }
}

/** Has the set-up script do some of its steps. */
export async function runSetup(context: DoctorContext, ...steps: string[]): Promise<void> {
  await run([context.setupScript, ...steps], {
    timeoutMs: SETUP_TIMEOUT_MS,
    signal: context.signal,
    env: { PATH: context.env['PATH'] ?? '', ATOLL_CACHE_DIR: context.cacheDir },
  });
}

/** Reads a file under /proc or /sys; undefined where this kernel has no such file. */
export async function readHost(context: DoctorContext, path: string): Promise<string | undefined> {
  try {
    return (await readFile(join(context.hostRoot, path), 'utf8')).trim();
  } catch {
    return undefined;
  }
}

/** Compares versions like 5.15.0-91-generic or 1.1.5+ds1 by their leading numbers. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [found, wanted] = [numbersOf(version), numbersOf(minimum)];
  for (const [index, part] of wanted.entries()) {
    const difference = (found[index] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbersOf(version: string): number[] {
  return (version.match(/\d+(\.\d+)*/)?.[0] ?? '').split('.').map(Number);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
