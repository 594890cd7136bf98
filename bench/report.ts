import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { FirstCommand } from './first-command.ts';
import type { Outcome } from './scenario.ts';

export interface Report {
  takenAt: string;
  mode: 'short' | 'full';
  machine: { cpu: string; cores: number; memoryGib: number; kernel: string; arch: string };
  outcomes: Outcome[];
  firstCommands: FirstCommand[];
}

const resultsDir = join(import.meta.dirname, 'results');
const PARTIAL = 'partial.json';

/** What the numbers were taken on: compare rows, not machines. */
export function describeMachine(): Report['machine'] {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  return {
    cpu,
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    arch: arch(),
  };
}

/** Writes the results as JSON and as a table for people; returns the table. */
export function writeReport(report: Report): string {
  const table = renderReport(report);
  writeResult('latest.json', toJson(report));
  writeResult('latest.md', table);
  rmSync(join(resultsDir, PARTIAL), { force: true });
  return table;
}

/** Keeps what a run has so far, beside the last whole one: a run that is cut has measured something. */
export function writePartial(report: Report): void {
  writeResult(PARTIAL, toJson(report));
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
export const renderOutcome = (outcome: Outcome): string => {
  const { subject, comparator, pairs } = outcome;
  const cells = [
    outcome.scenario,
    `${subject.name}: ${ms(subject.median)} / ${ms(subject.p95)} / ${ms(subject.p99)}`,
    `${comparator.name}: ${ms(comparator.median)} / ${ms(comparator.p95)} / ${ms(comparator.p99)}`,
    String(subject.n),
    `${outcome.ratio.toFixed(2)} (${pairs.low.toFixed(2)}–${pairs.high.toFixed(2)})`,
    `≤ ${outcome.goal}`,
    ms(outcome.loopDelayP99Ms),
  ];
  return `| ${cells.join(' | ')} |`;
};

/** A line of the table of first commands. */
export function renderFirstCommand({ arrival, asked, succeeded, wallMs, times }: FirstCommand): string {
  const cells = [
    arrival,
    `${succeeded} of ${asked}`,
    `${ms(times.median)} / ${ms(times.p95)} / ${ms(times.p99)}`,
    String(Math.round(wallMs)),
  ];
  return `| ${cells.join(' | ')} |`;
}

export function renderReport({ machine, mode, takenAt, outcomes, firstCommands }: Report): string {
  return [
    '# Benchmark results',
    '',
    `Taken ${takenAt}, ${mode} mode, on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel} ${machine.arch}.`,
    'Times are median / p95 / p99 in milliseconds; both sides ran turn by turn in one process.',
    'The last column is the 99th percentile of the delay of the event loop in our worst round (goal for bulk traffic: 20).',
    '',
    '| scenario | ours | comparator | n | ratio (middle half of pairs) | goal | loop |',
    '|---|---|---|---|---|---|---|',
    ...outcomes.map(renderOutcome),
    '',
    'From a create to the answer of its first command, on gVisor by the SDK:',
    '',
    '| creates | succeeded | median / p95 / p99 (ms) | all (ms) |',
    '|---|---|---|---|',
    ...firstCommands.map(renderFirstCommand),
    '',
  ].join('\n');
}
