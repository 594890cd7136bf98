import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxStatus } from '@atoll/sdk';
import { openDockerContainer } from '../docker-container.ts';
import type { DockerContainer } from '../docker-container.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';
import type { Stand } from '../stand.ts';

const NAME = 'bench-napper';
const LOOK_EVERY_MS = 50;

/** From a request to a sandbox that sleeps in memory until it is answered. */
export const wakeGvisor: Scenario = {
  name: 'wake from memory + first answer',
  goal: 0.2,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    await stand.client.create({ name: NAME, timeoutSecs: 1 });
    const container = await openDockerContainer();
    return {
      subject: { name: 'request', run: () => napAndWake(stand) },
      comparator: { name: 'docker unpause', run: () => pauseAndUnpause(container) },
      close: async () => {
        await stand.close();
        await container.close();
      },
    };
  },
};

/** It falls asleep by its timeout. */
async function napAndWake({ client }: Stand): Promise<number> {
  while ((await client.get(NAME)).status !== SandboxStatus.SUSPENDED) await sleep(LOOK_EVERY_MS);
  const sandbox = await client.connect(NAME);
  return timed(() => sandbox.health());
}

async function pauseAndUnpause({ docker, name }: DockerContainer): Promise<number> {
  await docker('pause', name);
  return timed(() => docker('unpause', name));
}
