import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openClient } from '../../test/compat/blaxel-core/client.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';
import type { Stand } from '../stand.ts';

/** The same size for both: the wire of Blaxel gives a CPU for each 2048 MB. */
const MEMORY_MB = 2048;
const IMAGE = 'debian-minimal';
const GOAL = 1.15;
const FILES = 100;
const LEARNING_ROUNDS = 4;
/** The count of ready slots says nothing of their sizes: by then the one that the last round took is made again. */
const REFILL_MS = 1_500;

async function slotsOfAllSizes(stand: Stand): Promise<void> {
  await stand.slotsReady(2);
  await sleep(REFILL_MS);
}

/** From the call that creates a sandbox to the answer of its first command: the two dialects, each by its client. */
export const blaxelCreate: Scenario = {
  name: 'create → first exec, Blaxel client',
  goal: GOAL,
  rounds: { short: 5, full: 30 },
  open: async () => {
    const stand = await openStand('gvisor', 2);
    const { apiUrl: url = '', apiKey = '' } = stand.connection;
    const blaxel = await openClient({ url, apiKey });
    const command = 'true';
    // Slots are made ahead of time in the sizes that were asked for of late: neither side waits for its first ones.
    for (let round = 0; round < LEARNING_ROUNDS; round += 1)
      await (await blaxel.create({ image: IMAGE, memory: MEMORY_MB })).delete();
    return {
      subject: {
        name: '@blaxel/core',
        run: async () => {
          await slotsOfAllSizes(stand);
          let made: { delete: () => Promise<unknown> } | undefined;
          const took = await timed(async () => {
            const sandbox = await blaxel.create({ image: IMAGE, memory: MEMORY_MB });
            made = sandbox;
            await sandbox.process.exec({ command, waitForCompletion: true });
          });
          await made?.delete();
          return took;
        },
      },
      comparator: {
        name: '@atoll/sdk',
        run: async () => {
          await slotsOfAllSizes(stand);
          let id = '';
          const took = await timed(async () => {
            const sandbox = await stand.client.createAndConnect({
              image: IMAGE,
              cpus: 1,
              memoryMb: MEMORY_MB,
            });
            id = sandbox.sandboxId;
            await sandbox.run('sh', { args: ['-c', command] });
          });
          await stand.client.delete(id);
          return took;
        },
      },
      close: stand.close,
    };
  },
};

/** A hundred files of 1 kB in one request: as a tree of the Blaxel wire, and as a directory of our own. */
export const blaxelTree: Scenario = {
  name: '100 files at once, Blaxel client',
  goal: GOAL,
  rounds: { short: 10, full: 50 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    const { apiUrl: url = '', apiKey = '' } = stand.connection;
    const blaxel = await (await openClient({ url, apiKey })).create({ image: IMAGE, memory: MEMORY_MB });
    const own = await stand.client.createAndConnect({ image: IMAGE, cpus: 1, memoryMb: MEMORY_MB });
    const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-tree-'));
    const content = 'x'.repeat(1023) + '\n';
    const files = Array.from({ length: FILES }, (_, index) => ({ path: `d/f${index}`, content }));
    await mkdir(join(dir, 'd'));
    for (const { path } of files) await writeFile(join(dir, path), content);
    return {
      subject: { name: 'fs.writeTree', run: () => timed(() => blaxel.fs.writeTree(files, '/tmp/tree')) },
      comparator: {
        name: 'files.uploadDirectory',
        run: () => timed(() => own.files.uploadDirectory(dir, '/tmp/tree')),
      },
      close: async () => {
        await rm(dir, { recursive: true, force: true });
        await stand.close();
      },
    };
  },
};
