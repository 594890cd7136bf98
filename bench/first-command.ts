import { setTimeout as sleep } from 'node:timers/promises';
import { timed } from './scenario.ts';
import { openStand } from './stand.ts';
import type { Stand } from './stand.ts';
import { summarize } from './statistics.ts';
import type { Summary } from './statistics.ts';

/** How creates follow each other: after the end of the one before, at a steady rate, or all at once. */
const arrivals = {
  sequential: { short: 10, full: 50, everyMs: undefined },
  staggered: { short: 20, full: 100, everyMs: 200 },
  burst: { short: 50, full: 100, everyMs: 0 },
} as const;
export type Arrival = keyof typeof arrivals;

/** From the create to the answer of the first command, by the SDK. */
export interface FirstCommand {
  arrival: Arrival;
  asked: number;
  succeeded: number;
  wallMs: number;
  /** Of those that succeeded. */
  times: Summary;
}

export const arrivalNames = Object.keys(arrivals) as Arrival[]; // keys of a constant

/** So many sandboxes as the mode says, on a server of their own. */
export async function runFirstCommands(arrival: Arrival, mode: 'short' | 'full'): Promise<FirstCommand> {
  const stand = await openStand('gvisor', 2);
  try {
    const { everyMs, [mode]: asked } = arrivals[arrival];
    const times: number[] = [];
    const one = (): Promise<void> =>
      untilFirstCommand(stand).then(
        (ms) => void times.push(ms),
        () => {}, // counted by what is missing
      );
    const wallMs = await timed(() =>
      everyMs === undefined ? inTurn(asked, one) : atRate(asked, everyMs, one),
    );
    return { arrival, asked, succeeded: times.length, wallMs, times: summarize(times) };
  } finally {
    await stand.close();
  }
}

const untilFirstCommand = ({ client }: Stand): Promise<number> =>
  timed(async () => {
    const sandbox = await client.createAndConnect();
    const { stdout } = await sandbox.run('echo', { args: ['ready'] });
    if (stdout !== 'ready') throw new Error(`the first command printed ${JSON.stringify(stdout)}`);
  });

async function inTurn(count: number, one: () => Promise<void>): Promise<void> {
  for (let index = 0; index < count; index += 1) await one();
}

/** Each begins at its time, however long those before take. */
const atRate = (count: number, everyMs: number, one: () => Promise<void>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, index) => sleep(index * everyMs).then(one)));
