import { createLoopDelay } from './loop-delay.ts';
import { spread, summarize } from './statistics.ts';
import type { Summary } from './statistics.ts';

/** One side of a comparison. Each run gives the time of what is compared, without its preparation and clean-up. */
export interface Contender {
  name: string;
  run: () => Promise<number>;
}

/** A question about speed: ours against the comparator, taken turn by turn in one process. */
export interface Scenario {
  name: string;
  /** The ratio to reach (subject ÷ comparator). */
  goal: number;
  rounds: { short: number; full: number };
  /** Prepares both sides; `close` frees what they made. */
  open: () => Promise<{ subject: Contender; comparator: Contender; close: () => Promise<void> }>;
}

export interface Outcome {
  scenario: string;
  goal: number;
  subject: Summary & { name: string };
  comparator: Summary & { name: string };
  /** Of the medians. */
  ratio: number;
  /** Of the event loop, which the server has in this process, in the subject's worst round. */
  loopDelayP99Ms: number;
  /** The middle half of the ratios of single pairs. */
  pairs: { low: number; high: number };
}

/** Runs A, B, A, B …, so that whatever else the machine does meets both. The first pair only warms up. */
export async function runScenario(scenario: Scenario, mode: 'short' | 'full'): Promise<Outcome> {
  const { subject, comparator, close } = await scenario.open();
  const loopDelay = createLoopDelay();
  const times: { subject: number; comparator: number }[] = [];
  try {
    for (let round = 0; round <= scenario.rounds[mode]; round += 1) {
      // The first pair's compiling is no delay that a server has.
      const run = round > 0 ? () => loopDelay.during(subject.run) : subject.run;
      const pair = { subject: await run(), comparator: await comparator.run() };
      if (round > 0) times.push(pair);
    }
  } finally {
    await close();
  }
  const ours = summarize(times.map((pair) => pair.subject));
  const theirs = summarize(times.map((pair) => pair.comparator));
  return {
    scenario: scenario.name,
    goal: scenario.goal,
    subject: { name: subject.name, ...ours },
    comparator: { name: comparator.name, ...theirs },
    ratio: ours.median / theirs.median,
    loopDelayP99Ms: loopDelay.p99Ms(),
    pairs: spread(times.map((pair) => pair.subject / pair.comparator)),
  };
}

/** The time that `work` takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
