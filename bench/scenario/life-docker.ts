import { openDockerContainer } from '../docker-container.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';
import type { Stand } from '../stand.ts';

const IMAGE = 'tensorlake/debian-minimal';
const AT_ONCE = 50;

const untilFirstCommand = async ({ client }: Stand): Promise<string> => {
  const sandbox = await client.createAndConnect();
  await sandbox.run('/bin/true');
  return sandbox.sandboxId;
};

/** A whole life by the SDK, against one of a container by the CLI of Docker. */
export const lifeAgainstDocker: Scenario = {
  name: 'create → first command → terminate, gVisor',
  goal: 0.35,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const stand = await openStand('gvisor', 2);
    const { docker, close } = await openDockerContainer();
    return {
      subject: {
        name: 'createAndConnect + run + delete',
        run: async () => {
          await stand.slotsReady(2);
          return timed(async () => stand.client.delete(await untilFirstCommand(stand)));
        },
      },
      comparator: { name: 'docker run --rm', run: () => timed(() => docker('run', '--rm', IMAGE, 'true')) },
      close: async () => {
        await close();
        await stand.close();
      },
    };
  },
};

/** All asked for at once, until the last has answered its first command; one that fails ends the comparison. */
const burst = (name: string, readySlots: number): Scenario => ({
  name,
  goal: 0.35,
  rounds: { short: 2, full: 5 },
  open: async () => {
    const stand = await openStand('gvisor', readySlots);
    const { docker, close } = await openDockerContainer();
    const names = Array.from({ length: AT_ONCE }, (_, index) => `burst-${index}`);
    const allAtOnce = async <T>(one: (name: string) => Promise<T>, end: (made: T[]) => Promise<unknown>) => {
      let made: T[] = [];
      const ms = await timed(async () => (made = await Promise.all(names.map(one))));
      await end(made);
      return ms;
    };
    return {
      subject: {
        name: `${AT_ONCE} × create + run`,
        run: async () => {
          await stand.slotsReady(readySlots);
          return allAtOnce(
            () => untilFirstCommand(stand),
            (ids) => Promise.all(ids.map((id) => stand.client.delete(id))),
          );
        },
      },
      comparator: {
        name: `${AT_ONCE} × docker run -d`,
        run: () =>
          allAtOnce(
            (name) => docker('run', '--detach', '--name', name, IMAGE, 'sleep', 'infinity'),
            () => docker('rm', '--force', ...names),
          ),
      },
      close: async () => {
        await close();
        await stand.close();
      },
    };
  },
});

/** As a server meets bursts like the last one: it keeps as many ready (`server/src/sandbox/slot-room.ts`). */
export const burstAgainstDocker = burst(`${AT_ONCE} creates at once, gVisor, slots ready`, AT_ONCE);
/** As the first burst finds a server. */
export const coldBurstAgainstDocker = burst(`${AT_ONCE} creates at once, gVisor, no slots`, 0);
