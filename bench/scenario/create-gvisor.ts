import { homedir } from 'node:os';
import { join } from 'node:path';
import { openBareRuntime } from '../bare-runtime.ts';
import type { Scenario } from '../scenario.ts';
import { openCreate } from './create.ts';

const runsc = join(process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache', 'atoll'), 'runsc', 'runsc');

/** Against bare runsc, with the flags that our sandboxes have. */
export const createGvisor: Scenario = {
  name: 'create, gVisor, slot ready',
  goal: 0.4,
  rounds: { short: 10, full: 40 },
  open: () =>
    openCreate({
      runtime: 'gvisor',
      comparator: 'runsc run -detach',
      openBare: () =>
        openBareRuntime((root, upper) => [
          runsc,
          `--root=${root}`,
          '--network=sandbox',
          '--host-settings=ignore',
          '--allow-suid=true',
          '--net-raw=true',
          `--overlay2=root:dir=${upper},size=10240m`,
        ]),
    }),
};
