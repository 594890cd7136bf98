/**
 * `make bench-compare BASE=COMMIT`: the same scenarios on two commits, turn by turn. The base is checked out beside this
 * tree and measured with this tree's scenarios. Names choose scenarios; without any, the first few are compared.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { withBaseTree } from './base-tree.ts';
import { scenarios } from './scenarios.ts';
import type { Scenario } from './scenario.ts';
import { projectRoot } from './stand.ts';
import { spread, summarize } from './statistics.ts';

const USUAL = ['create, gVisor, slot ready', 'exec of `true`, gVisor'];

const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [base, ...words] = positionals;
if (base === undefined)
  throw new Error('name the commit to compare with: node bench/compare.ts BASE [SCENARIO …]');
const isChosen = ({ name }: Scenario): boolean =>
  words.length === 0 ? USUAL.includes(name) : words.some((word) => name.includes(word));

const cut = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => cut.abort(new Error(`cut by ${name}; what it had made is removed`)));

process.stderr.write(`setting up ${base} …\n`);
await withBaseTree(base, cut.signal, async (tree) => {
  process.stdout.write(
    `| scenario | ${base} | this tree | n | this ÷ ${base} (middle half of pairs) |\n|---|---|---|---|---|\n`,
  );
  for (const scenario of scenarios.filter(isChosen))
    process.stdout.write(`${await compare(tree, scenario)}\n`);
}).catch((error: unknown) => {
  if (!cut.signal.aborted) throw error;
  process.stderr.write(`${String(cut.signal.reason)}\n`);
  process.exitCode = 1;
});

/** One line of the table. The first pair only warms up. */
async function compare(tree: string, { name, rounds }: Scenario): Promise<string> {
  const sides: Side[] = [];
  const pairs: [number, number][] = [];
  const open = async (root: string): Promise<Side> => {
    const side = await openSide(root, name);
    sides.push(side);
    return side;
  };
  try {
    const [before, after] = [await open(tree), await open(projectRoot)];
    for (let round = 0; round <= rounds[values.full ? 'full' : 'short']; round += 1) {
      const pair: [number, number] = [await before.run(), await after.run()];
      if (round > 0) pairs.push(pair);
    }
  } finally {
    await Promise.all(sides.map(({ close }) => close()));
  }
  const [then, now] = [summarize(pairs.map(([ms]) => ms)), summarize(pairs.map(([, ms]) => ms))];
  const { low, high } = spread(pairs.map(([before, after]) => after / before));
  const times = (of: typeof then): string =>
    [of.median, of.p95, of.p99].map((ms) => ms.toFixed(1)).join(' / ');
  const ratio = `${(now.median / then.median).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
  return `| ${[name, times(then), times(now), pairs.length, ratio].join(' | ')} |`;
}

interface Side {
  run: () => Promise<number>;
  close: () => Promise<void>;
}

/** A process of that tree, which waits between its turns. In a group of its own, for what cuts this one lets it clean up. */
async function openSide(root: string, name: string): Promise<Side> {
  cut.signal.throwIfAborted();
  const child = spawn(process.execPath, [join(root, 'bench', 'one-side.ts'), name], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const stop = (): void => void child.stdin.end();
  cut.signal.addEventListener('abort', stop, { once: true });
  child.stdin.on('error', () => {}); // it has ended, which its output tells
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** Whatever else it prints is its log. */
  const next = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the side of ${root} has ended`);
      if (/^(ready|\d+(\.\d+)?)$/.test(value)) return value;
    }
  };
  await next().catch(async (error: unknown) => {
    await endOf(child);
    throw error;
  });
  return {
    run: async () => {
      cut.signal.throwIfAborted();
      child.stdin.write('\n');
      return Number(await next());
    },
    close: async () => {
      cut.signal.removeEventListener('abort', stop);
      await endOf(child);
    },
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin?.end();
  await once(child, 'exit');
}
