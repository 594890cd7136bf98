import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '@atoll/server/lib/run';
import { runsc } from '../bare-runsc.ts';
import { openDockerContainer } from '../docker-container.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';
import type { Stand } from '../stand.ts';

const TIMEOUT_MS = 30_000;
const REFILL_POLL_MS = 50;

/** From a claim to the answer of the first command, against bare `runsc exec` in a container that runs. */
export const claimGvisor: Scenario = {
  name: 'claim → first command, gVisor',
  goal: 0.5,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    const { client } = stand;
    await client.createAndConnect();
    const { root, containerId } = findContainer(stand);
    const { poolId } = await client.createPool({ warmContainers: 1 });
    return {
      subject: { name: 'claim + sandbox.run', run: () => claimAndRun(stand, poolId) },
      comparator: {
        name: 'runsc exec',
        run: () =>
          timed(() =>
            run([runsc, `--root=${root}`, 'exec', containerId, '/bin/true'], { timeoutMs: TIMEOUT_MS }),
          ),
      },
      close: async () => {
        await client.deletePool(poolId);
        await stand.close();
      },
    };
  },
};

/** The same against `docker exec` in a container that runs, the CLI of Docker included. */
export const claimAgainstDocker: Scenario = {
  name: 'claim → first command, against Docker',
  goal: 0.5,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    const { poolId } = await stand.client.createPool({ warmContainers: 1 });
    const { docker, name, close } = await openDockerContainer();
    return {
      subject: { name: 'claim + sandbox.run', run: () => claimAndRun(stand, poolId) },
      comparator: { name: 'docker exec', run: () => timed(() => docker('exec', name, '/bin/true')) },
      close: async () => {
        await close();
        await stand.client.deletePool(poolId);
        await stand.close();
      },
    };
  },
};

/** Only the claim and its command are timed, not how the pool is filled again. */
async function claimAndRun({ client }: Stand, poolId: string): Promise<number> {
  const isWarm = async () => (await client.getPool(poolId)).containers?.some(({ state }) => state === 'Idle');
  while (!(await isWarm())) await sleep(REFILL_POLL_MS);
  const claimed: { terminate: () => Promise<void> }[] = [];
  const ms = await timed(async () => {
    const sandbox = await client.claimAndConnect(poolId);
    claimed.push(sandbox);
    await sandbox.run('/bin/true');
  });
  for (const sandbox of claimed) await sandbox.terminate();
  return ms;
}

/** The one container of the stand that runs an image, as runsc knows it. */
function findContainer({ dataDir }: Stand): { root: string; containerId: string } {
  const instanceId = readFileSync(join(dataDir, 'instance-id'), 'utf8').trim();
  const root = join('/run/atoll', instanceId, 'runsc');
  const names = readdirSync(root).map((name) => /^(main-[a-z0-9]{8})_sandbox.*\.state$/.exec(name)?.[1]);
  const containerId = names.find((name) => name !== undefined);
  if (containerId === undefined) throw new Error(`no container runs below ${root}`);
  return { root, containerId };
}
