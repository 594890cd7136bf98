import { openDockerContainer } from '../docker-container.ts';
import type { DockerContainer } from '../docker-container.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';
import type { Stand } from '../stand.ts';

const TAG = 'bench-commit';
const POLL_SECS = 0.02;

const snapshotScenario = (
  name: string,
  goal: number,
  bytes: string,
  rounds: Scenario['rounds'],
): Scenario => ({
  name: `filesystem snapshot, ${name}`,
  goal,
  rounds,
  open: async () => {
    const stand = await openStand('gvisor', 1);
    const { sandboxId } = await stand.client.create();
    const container = await openDockerContainer();
    const write = ['-c', `head -c ${bytes} /dev/urandom >/tmp/changed`];
    return {
      subject: { name: 'snapshotAndWait', run: () => snapshot(stand, sandboxId, write) },
      comparator: { name: 'docker commit', run: () => commit(container, write) },
      close: async () => {
        await stand.close();
        await container.close();
      },
    };
  },
});

/** One new file of 10 kB. */
export const snapshotSmall = snapshotScenario('small change', 0.7, '10K', { short: 10, full: 40 });
/** One new file that does not compress. */
export const snapshotBig = snapshotScenario('500 MB', 1.5, '500M', { short: 3, full: 10 });

/** From the call until sandboxes can start from it. */
async function snapshot({ client }: Stand, sandboxId: string, write: string[]): Promise<number> {
  await (await client.connect(sandboxId)).run('sh', { args: write });
  const taken: string[] = [];
  const ms = await timed(async () => {
    taken.push((await client.snapshotAndWait(sandboxId, { pollInterval: POLL_SECS })).snapshotId);
  });
  for (const id of taken) await client.deleteSnapshot(id);
  return ms;
}

async function commit({ docker, name }: DockerContainer, write: string[]): Promise<number> {
  await docker('exec', name, 'sh', ...write);
  const ms = await timed(() => docker('commit', name, TAG));
  await docker('rmi', TAG);
  return ms;
}
