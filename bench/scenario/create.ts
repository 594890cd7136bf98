import type { RuntimeName } from '@atoll/server/config';
import type { BareRuntime } from '../bare-runtime.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';

/** Which driver creates, and the call of the runtime below it that it is measured against. */
export interface Comparison {
  runtime: RuntimeName;
  comparator: string;
  openBare: () => Promise<BareRuntime>;
}

/** `create` on a warm slot, through HTTP, until the server answers `running`, against one call of the bare runtime. */
export async function openCreate(comparison: Comparison): ReturnType<Scenario['open']> {
  const stand = await openStand(comparison.runtime, 2);
  const bare = await comparison.openBare();
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
      name: comparison.comparator,
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
}
