/**
 * `make bench-compare BASE=COMMIT`: the same scenarios on two commits, turn by turn. The base is checked out beside this
 * tree and measured with this tree's scenarios. Names choose scenarios; without any, the first few are compared.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { run } from '@atoll/server/lib/run';
import { scenarios } from './scenarios.ts';
import type { Scenario } from './scenario.ts';
import { projectRoot } from './stand.ts';
import { spread, summarize } from './statistics.ts';

const GIT_TIMEOUT_MS = 60_000;
const SETUP_TIMEOUT_MS = 600_000;
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

const folder = await mkdtemp(join(tmpdir(), 'atoll-bench-base-'));
const tree = join(folder, 'tree');
const git = (...args: string[]) => run(['git', '-C', projectRoot, ...args], { timeoutMs: GIT_TIMEOUT_MS });
try {
  await git('worktree', 'add', '--detach', tree, base);
  process.stderr.write(`setting up ${base} …\n`);
  await run([join(tree, 'scripts', 'setup.sh'), 'npm', 'agent'], { timeoutMs: SETUP_TIMEOUT_MS });
  for (const part of ['bench', 'test']) {
    await rm(join(tree, part), { recursive: true });
    await cp(join(projectRoot, part), join(tree, part), { recursive: true });
  }
  process.stdout.write(
    `| scenario | ${base} | this tree | n | this ÷ ${base} (middle half of pairs) |\n|---|---|---|---|---|\n`,
  );
  for (const scenario of scenarios.filter(isChosen)) process.stdout.write(`${await compare(scenario)}\n`);
} finally {
  await git('worktree', 'remove', '--force', tree).catch(() => {});
  await rm(folder, { recursive: true, force: true });
}

/** One line of the table. The first pair only warms up. */
async function compare({ name, rounds }: Scenario): Promise<string> {
  const sides = await Promise.all([openSide(tree, name), openSide(projectRoot, name)]);
  const pairs: [number, number][] = [];
  try {
    for (let round = 0; round <= rounds[values.full ? 'full' : 'short']; round += 1) {
      const pair: [number, number] = [await sides[0].run(), await sides[1].run()];
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

/** A process of that tree, which waits between its turns. */
async function openSide(root: string, name: string): Promise<Side> {
  const child = spawn(process.execPath, [join(root, 'bench', 'one-side.ts'), name], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** Whatever else it prints is its log. */
  const next = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the side of ${root} has ended`);
      if (/^(ready|\d+(\.\d+)?)$/.test(value)) return value;
    }
  };
  await next();
  return {
    run: async () => {
      child.stdin.write('\n');
      return Number(await next());
    },
    close: () => endOf(child),
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin?.end();
  await once(child, 'exit');
}
