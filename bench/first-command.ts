import { timeFirstCommands } from '../cli/src/first-command.ts';
import type { Arrival, FirstCommands } from '../cli/src/first-command.ts';
import { openStand } from './stand.ts';
import { summarize } from './statistics.ts';
import type { Summary } from './statistics.ts';

export { arrivalNames } from '../cli/src/first-command.ts';

const counts = {
  sequential: { short: 10, full: 50 },
  staggered: { short: 20, full: 100 },
  burst: { short: 50, full: 100 },
};

/** From the create to the answer of the first command, by the SDK. */
export interface FirstCommand extends Omit<FirstCommands, 'times'> {
  /** Of those that succeeded. */
  times: Summary;
}

/** So many sandboxes as the mode says, on a server of their own. */
export async function runFirstCommands(arrival: Arrival, mode: 'short' | 'full'): Promise<FirstCommand> {
  const { client, close } = await openStand('gvisor', 2);
  try {
    const found = await timeFirstCommands(client, arrival, { count: counts[arrival][mode] });
    return { ...found, times: summarize(found.times) };
  } finally {
    await close();
  }
}
