import { openBareRuntime } from '../bare-runtime.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';

/** `create` on a warm slot with the native driver, against one call of bare runc, which runs on every cgroup layout. */
export const createNative: Scenario = {
  name: 'create, native, slot ready',
  goal: 1.3,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const stand = await openStand('native', 2);
    const bare = await openBareRuntime((root) => ['runc', '--root', root]);
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
        name: 'runc run -d',
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
