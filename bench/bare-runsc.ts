import { homedir } from 'node:os';
import { join } from 'node:path';
import { openBareRuntime } from './bare-runtime.ts';
import type { BareRuntime } from './bare-runtime.ts';

export const runsc = join(
  process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache', 'atoll'),
  'runsc',
  'runsc',
);

/** Bare runsc, with the flags that our sandboxes have. */
export const openBareRunsc = (): Promise<BareRuntime> =>
  openBareRuntime((root, upper) => [
    runsc,
    `--root=${root}`,
    '--network=sandbox',
    '--host-settings=ignore',
    '--allow-suid=true',
    '--net-raw=true',
    `--overlay2=root:dir=${upper},size=10240m`,
  ]);
