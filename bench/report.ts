import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import type { FirstCommand } from './first-command.ts';
import { describeMachine, onMachine } from './machine.ts';
import type { Machine } from './machine.ts';
import type { Outcome } from './scenario.ts';
import { securitySummary } from './security-summary.ts';
import { renderTargets } from './target-table.ts';

/** When a row was measured, and with how many rounds. */
export interface Taken {
  takenAt: string;
  mode: 'short' | 'full';
}

/** The newest row of each comparison on one machine. */
export interface Report {
  machine: Machine;
  outcomes: (Outcome & Taken)[];
  firstCommands: (FirstCommand & Taken)[];
}

const resultsDir = join(import.meta.dirname, 'results');
const FILE = 'latest.json';

/** The rows so far; none of another machine. */
export function openReport(): Report {
  const machine = describeMachine();
  const path = join(resultsDir, FILE);
  const empty = { machine, outcomes: [], firstCommands: [] };
  if (!existsSync(path)) return empty;
  const earlier = JSON.parse(readFileSync(path, 'utf8')) as Report; // written below
  return isDeepStrictEqual(earlier.machine, machine) ? earlier : empty;
}

/** Puts a row in the place of its earlier one, and writes that down. */
export function keepOutcome(report: Report, outcome: Report['outcomes'][number]): void {
  report.outcomes = [...report.outcomes.filter(({ scenario }) => scenario !== outcome.scenario), outcome];
  writeResult(FILE, toJson(report));
}

/** The same for first commands. */
export function keepFirstCommands(report: Report, found: Report['firstCommands'][number]): void {
  report.firstCommands = [...report.firstCommands.filter(({ arrival }) => arrival !== found.arrival), found];
  writeResult(FILE, toJson(report));
}

/** Of what is no comparison; other programs of this folder write them. */
const otherPages = ['crowd.md', 'soak.md', 'density.md', 'asleep.md', 'records.md', 'sockets.md'];

/** Writes the tables for people; answers them and all that is no comparison, each as it was last measured. */
export function writePages(report: Report): string {
  const pages = {
    'targets.md': renderTargets(report),
    'latest.md': renderReport(report),
    'security.md': securitySummary(),
  };
  for (const [file, page] of Object.entries(pages)) writeResult(file, page);
  const others = otherPages.map((file) => join(resultsDir, file)).filter((path) => existsSync(path));
  return [...Object.values(pages), ...others.map((path) => readFileSync(path, 'utf8'))].join('\n');
}

const toJson = (report: Report): string => `${JSON.stringify(report, null, 2)}\n`;

/** Writes a page of results that are no comparison, and what they were taken on; returns it. */
export function writePage(file: string, title: string, lines: readonly string[]): string {
  const { cores, cpu, memoryGib, kernel } = describeMachine();
  const taken = `Taken ${new Date().toISOString()} on ${cores} cores of ${cpu}, ${memoryGib} GiB, Linux ${kernel}.`;
  const page = [`# ${title}`, '', taken, ...lines, ''].join('\n');
  writeResult(file, page);
  return page;
}

function writeResult(file: string, text: string): void {
  mkdirSync(resultsDir, { recursive: true });
  writeFileSync(join(resultsDir, file), text);
}

const ms = (value: number): string => value.toFixed(1);

/** A line of the table. */
export const renderOutcome = (outcome: Outcome & Taken): string => {
  const { subject, comparator, pairs } = outcome;
  const cells = [
    outcome.scenario,
    `${subject.name}: ${ms(subject.median)} / ${ms(subject.p95)} / ${ms(subject.p99)}`,
    `${comparator.name}: ${ms(comparator.median)} / ${ms(comparator.p95)} / ${ms(comparator.p99)}`,
    String(subject.n),
    `${outcome.ratio.toFixed(2)} (${pairs.low.toFixed(2)}–${pairs.high.toFixed(2)})`,
    `≤ ${outcome.goal}`,
    ms(outcome.loopDelayP99Ms),
    outcome.takenAt.slice(0, 16),
  ];
  return `| ${cells.join(' | ')} |`;
};

/** A line of the table of first commands. */
export function renderFirstCommand(found: FirstCommand & Taken): string {
  const { arrival, asked, succeeded, wallMs, times } = found;
  const cells = [
    arrival,
    `${succeeded} of ${asked}`,
    `${ms(times.median)} / ${ms(times.p95)} / ${ms(times.p99)}`,
    String(Math.round(wallMs)),
    found.takenAt.slice(0, 16),
  ];
  return `| ${cells.join(' | ')} |`;
}

function renderReport(report: Report): string {
  return [
    '# Benchmark results',
    '',
    `${onMachine(report)} A row was measured at the time that it shows (UTC).`,
    'Times are median / p95 / p99 in milliseconds; both sides ran turn by turn in one process.',
    'Loop is the 99th percentile of the delay of the event loop in our worst round (goal for bulk traffic: 20).',
    '',
    '| scenario | ours | comparator | n | ratio (middle half of pairs) | goal | loop | taken |',
    '|---|---|---|---|---|---|---|---|',
    ...report.outcomes.map(renderOutcome),
    '',
    'From a create to the answer of its first command, on gVisor by the SDK:',
    '',
    '| creates | succeeded | median / p95 / p99 (ms) | all (ms) | taken |',
    '|---|---|---|---|---|',
    ...report.firstCommands.map(renderFirstCommand),
    '',
  ].join('\n');
}
