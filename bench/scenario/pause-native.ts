import { openDockerContainer } from '../docker-container.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';

const NAME = 'bench-pauser';

/** An explicit suspend goes to the disk where it can; this runtime stops the processes where they are, as Docker does. */
const pauseScenario = (verb: 'suspend' | 'resume', dockerVerb: 'pause' | 'unpause'): Scenario => ({
  name: `${verb} in memory, native`,
  goal: 0.2,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const { client, close } = await openStand('native', 1);
    await client.create({ name: NAME });
    const { docker, name, close: closeDocker } = await openDockerContainer();
    const ours = {
      suspend: () => timed(() => client.suspend(NAME)),
      resume: () => timed(() => client.resume(NAME)),
    };
    const theirs = {
      pause: () => timed(() => docker('pause', name)),
      unpause: () => timed(() => docker('unpause', name)),
    };
    return {
      subject: {
        name: verb,
        run: async () => {
          const times = { suspend: await ours.suspend(), resume: await ours.resume() };
          return times[verb];
        },
      },
      comparator: {
        name: `docker ${dockerVerb}`,
        run: async () => {
          const times = { pause: await theirs.pause(), unpause: await theirs.unpause() };
          return times[dockerVerb];
        },
      },
      close: async () => {
        await close();
        await closeDocker();
      },
    };
  },
});

export const suspendNative = pauseScenario('suspend', 'pause');
export const resumeNative = pauseScenario('resume', 'unpause');
