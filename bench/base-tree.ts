import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@atoll/server/lib/run';
import { projectRoot } from './stand.ts';

const PREFIX = 'atoll-bench-base-';
const GIT_TIMEOUT_MS = 60_000;
const SETUP_TIMEOUT_MS = 600_000;

const git = (args: readonly string[], signal?: AbortSignal) =>
  run(['git', '-C', projectRoot, ...args], { timeoutMs: GIT_TIMEOUT_MS, ...(signal && { signal }) });

/**
 * Checks a commit out beside this tree, sets it up and gives it this tree's scenarios. It goes with the end of `use`; one
 * whose process was killed goes with the next.
 */
export async function withBaseTree(
  base: string,
  signal: AbortSignal,
  use: (tree: string) => Promise<void>,
): Promise<void> {
  await removeLeftTrees(tmpdir());
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const tree = join(folder, 'tree');
  try {
    await git(['worktree', 'add', '--detach', tree, base], signal);
    await run([join(tree, 'scripts', 'setup.sh'), 'npm', 'agent'], { timeoutMs: SETUP_TIMEOUT_MS, signal });
    for (const part of ['bench', 'test']) {
      await rm(join(tree, part), { recursive: true });
      await cp(join(projectRoot, part), join(tree, part), { recursive: true });
    }
    await use(tree);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await git(['worktree', 'prune']);
  }
}

/** Answers what it removed: trees of processes that are no more. */
export async function removeLeftTrees(folder: string): Promise<string[]> {
  const left = (await readdir(folder)).filter((name) => name.startsWith(PREFIX) && !isAlive(name));
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
  return left;
}

function isAlive(name: string): boolean {
  const pid = Number(name.slice(PREFIX.length).split('-', 1)[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, but not ours.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
