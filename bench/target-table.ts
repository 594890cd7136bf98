import { onMachine } from './machine.ts';
import type { Report } from './report.ts';
import { targets } from './targets.ts';
import type { Target } from './targets.ts';

type Measured = Report['outcomes'][number];

/** The table of targets with what was measured of each: a line for each comparison. */
export function renderTargets(report: Report): string {
  return [
    '# Targets',
    '',
    `${onMachine(report)} A ratio is ours ÷ comparator of medians of times, with the middle half of the ratios of pairs; a throughput is its inverse.`,
    'Times are median / p95 / p99 in milliseconds. `make bench` fills this table; a line keeps its last measurement.',
    '',
    '| target | comparator | goal | measured as | n | ours | comparator took | ratio | met | taken |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...targets.flatMap((target) => linesOf(target, report)),
    '',
    ...gapsOf(report),
  ].join('\n');
}

/** What is known of the targets that were missed. */
function gapsOf({ outcomes }: Report): string[] {
  const missed = new Set(outcomes.filter(({ ratio, goal }) => ratio > goal).map(({ scenario }) => scenario));
  const explained = targets.flatMap(({ what, gap, scenarios }) =>
    gap !== undefined && scenarios.some((name) => missed.has(name)) ? [`- **${what}**: ${gap}`] : [],
  );
  return explained.length === 0 ? [] : ['## What is missed, and why', '', ...explained, ''];
}

function linesOf(target: Target, { outcomes }: Report): string[] {
  const { what, comparator, goal, scenarios, shownBy } = target;
  const head = [what, comparator, goal];
  if (scenarios.length === 0) return [line([...head, `see ${shownBy}`, '', '', '', '', '', ''])];
  return scenarios.map((name, index) => {
    const found = outcomes.find(({ scenario }) => scenario === name);
    return line([...(index === 0 ? head : ['', '', '']), name, ...cellsOf(found)]);
  });
}

function cellsOf(found: Measured | undefined): string[] {
  if (found === undefined) return ['', '', '', '', 'not measured', ''];
  const { subject, comparator, ratio, goal, pairs, takenAt } = found;
  const times = (of: Measured['subject']): string =>
    [of.median, of.p95, of.p99].map((value) => value.toFixed(1)).join(' / ');
  const spread = `${pairs.low.toFixed(2)}–${pairs.high.toFixed(2)}`;
  return [
    String(subject.n),
    times(subject),
    `${comparator.name}: ${times(comparator)}`,
    `${ratio.toFixed(2)} (${spread})`,
    ratio <= goal ? 'yes' : `no: ≤ ${goal.toFixed(2)}`,
    takenAt.slice(0, 16),
  ];
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
