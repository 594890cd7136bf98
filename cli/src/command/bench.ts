import { command } from '../command.ts';
import { arrivalNames, timeFirstCommands } from '../first-command.ts';
import type { FirstCommands } from '../first-command.ts';
import { formatTable } from '../output/table.ts';
import { integer, list, oneOf, text, value } from '../parameter.ts';
import { quantile } from '../quantile.ts';

const USUAL = { sequential: 10, staggered: 20, burst: 100 } as const;
const MAX_COUNT = 10_000;

export const bench = command({
  name: 'bench',
  summary: 'how long this server takes from a create to the answer of the first command',
  examples: ['bench', 'bench --arrival burst --count 20', 'bench -i my-image --json'],
  args: {},
  options: {
    arrival: list(
      '--arrival <how>',
      `how creates follow each other: ${arrivalNames.join(', ')}; default: each in turn; can be repeated`,
      oneOf(arrivalNames),
    ),
    count: value('-n, --count <n>', 'how many; default: 10, 20 and 100', integer(1, MAX_COUNT)),
    image: value('-i, --image <name>', 'image of the sandboxes', text),
  },
  failure: 'measure first commands',
  run: async ({ options, context: { sandboxes, output, signal } }) => {
    const chosen = options.arrival.length === 0 ? arrivalNames : options.arrival;
    const found: FirstCommands[] = [];
    for (const arrival of chosen) {
      signal.throwIfAborted();
      found.push(
        await output.progress(`Creating sandboxes: ${arrival}`, () =>
          timeFirstCommands(sandboxes, arrival, {
            count: options.count ?? USUAL[arrival],
            ...(options.image !== undefined && { create: { image: options.image } }),
            signal,
          }),
        ),
      );
    }
    const shown = found.map((each) => ({ ...each, ...summaryOf(each) }));
    await output.result(shown, () => tableOf(shown));
    for (const failure of new Set(found.flatMap(({ failures }) => failures)))
      output.note(`failed: ${failure}`);
    return found.every(({ asked, succeeded }) => succeeded === asked) ? 0 : 1;
  },
});

function summaryOf({ times }: FirstCommands): { median: number; p95: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) };
}

const tableOf = (rows: readonly (FirstCommands & ReturnType<typeof summaryOf>)[]): string =>
  formatTable(
    ['Creates', 'Succeeded', 'Median (ms)', 'p95 (ms)', 'p99 (ms)', 'All (ms)'],
    rows.map(({ arrival, asked, succeeded, wallMs, median, p95, p99 }) => [
      arrival,
      `${succeeded} of ${asked}`,
      ...[median, p95, p99, wallMs].map((ms) => ms.toFixed(0)),
    ]),
    true,
  );
