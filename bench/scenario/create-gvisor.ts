import { homedir } from 'node:os';
import { join } from 'node:path';
import { openBareRuntime } from '../bare-runtime.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';

const runsc = join(process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache', 'atoll'), 'runsc', 'runsc');

/** `create` on a warm slot, through HTTP, until the server answers `running`, against one call of bare runsc. */
export const createGvisor: Scenario = {
  name: 'create, gVisor, slot ready',
  goal: 0.4,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const stand = await openStand('gvisor', 2);
    const bare = await openBareRuntime((root, upper) => [
      runsc,
      `--root=${root}`,
      '--network=sandbox',
      '--host-settings=ignore',
      '--allow-suid=true',
      '--net-raw=true',
      `--overlay2=root:dir=${upper},size=10240m`,
    ]);
    return {
      subject: {
        name: 'atoll create',
        run: async () => {
          await stand.slotsReady(2);
          let id = '';
          const took = await timed(async () => {
            id = (await stand.client.create()).sandboxId;
          });
          await stand.client.delete(id);
          return took;
        },
      },
      comparator: {
        name: 'runsc run -detach',
        run: async () => {
          await stand.slotsReady(2);
          return bare.start();
        },
      },
      close: async () => {
        await stand.close();
        await bare.close();
      },
    };
  },
};
