import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Check, CheckResult, DoctorContext } from './check.ts';
import { hostChecks } from './host-check.ts';
import { networkChecks } from './network-check.ts';
import { runtimeChecks } from './runtime-check.ts';
import { storageChecks } from './storage-check.ts';

export type { Check, CheckResult, DoctorContext } from './check.ts';

/** All checks, in the order in which people should repair what they find. */
export const doctorChecks: readonly Check[] = [
  ...hostChecks,
  ...runtimeChecks,
  ...storageChecks,
  ...networkChecks,
];

export interface CheckReport extends CheckResult {
  id: string;
  title: string;
  /** `repaired`: it did not pass before. `failed`: the repair itself went wrong, `repairError` says how. */
  repair?: 'repaired' | 'failed';
  repairError?: string;
}

export interface RunChecksOptions {
  checks?: readonly Check[];
  /** Repair what can be repaired without risk. */
  fix?: boolean;
  /** Called with each report as it comes, in order. */
  onReport?: (report: CheckReport) => void;
}

/** Runs the checks one after the other: some start sandboxes, and a repair may settle what comes later. */
export async function runChecks(
  context: DoctorContext,
  options: RunChecksOptions = {},
): Promise<CheckReport[]> {
  const reports: CheckReport[] = [];
  for (const check of options.checks ?? doctorChecks) {
    const report = await runCheck(check, context, options.fix === true);
    options.onReport?.(report);
    reports.push(report);
  }
  return reports;
}

async function runCheck(check: Check, context: DoctorContext, fix: boolean): Promise<CheckReport> {
  const { id, title } = check;
  const first = await judge(check, context);
  if (!fix || first.status === 'ok' || check.repair === undefined) return { id, title, ...first };
  try {
    await check.repair(context);
  } catch (error) {
    context.signal.throwIfAborted();
    return { id, title, ...first, repair: 'failed', repairError: messageOf(error) };
  }
  const second = await judge(check, context);
  return { id, title, ...second, ...(second.status === 'ok' && { repair: 'repaired' }) };
}

/** A check that breaks is a finding too: it must not hide the others. */
async function judge(check: Check, context: DoctorContext): Promise<CheckResult> {
  try {
    return await check.run(context);
  } catch (error) {
    context.signal.throwIfAborted();
    return { status: 'fail', detail: `cannot be checked: ${messageOf(error)}`, fix: 'Run it again as root.' };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Programs of the system sit in folders that a user's PATH may lack. */
const systemPath = '/usr/local/sbin:/usr/sbin:/sbin';

export interface DoctorOptions {
  dataDir: string;
  listen: { host: string; port: number };
  signal: AbortSignal;
}

/** The context of the machine that this process runs on. */
export function createDoctorContext(options: DoctorOptions): DoctorContext {
  return {
    ...options,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${systemPath}` },
    hostRoot: '/',
    userId: process.getuid?.() ?? -1,
    nodeVersion: process.versions.node,
    cacheDir: process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache', 'atoll'),
    setupScript: join(import.meta.dirname, '..', '..', '..', 'scripts', 'setup.sh'),
  };
}
