import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBareRunsc } from '../bare-runsc.ts';
import type { BareContainer, BareRuntime } from '../bare-runtime.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';
import type { Stand } from '../stand.ts';

const NAME = 'bench-sleeper';
const COPIES = 10;
/** By then a slot to resume in is ready again, as it is for who does not suspend again at once. */
const SLOT_MADE_AFTER_MS = 1_500;

/** Both sides hold an agent and nothing more; ours includes digests, syncs and the record. */
export const checkpointResume: Scenario = {
  name: 'suspend to disk, then resume',
  goal: 1.2,
  rounds: { short: 10, full: 40 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    const bare = await openBareRunsc();
    await stand.client.create({ name: NAME });
    return {
      subject: {
        name: 'suspend + resume',
        run: async () => {
          await sleep(SLOT_MADE_AFTER_MS);
          return suspendAndResume(stand);
        },
      },
      comparator: { name: 'runsc checkpoint + restore', run: () => checkpointAndRestore(bare) },
      close: async () => {
        await stand.close();
        await bare.close();
      },
    };
  },
};

const suspendAndResume = ({ client }: Stand): Promise<number> =>
  timed(async () => {
    await client.suspend(NAME);
    await client.resume(NAME);
  });

async function checkpointAndRestore(bare: BareRuntime): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-checkpoint-'));
  const source = await bare.launch();
  try {
    const writing = await source.checkpoint(dir);
    const restored = await bare.restore(dir);
    await restored.end();
    return writing + restored.tookMs;
  } finally {
    await source.end();
    await rm(dir, { recursive: true });
  }
}

/**
 * From the call until ten copies run, against ten restores at once of one checkpoint. Ours includes what the other side has
 * beforehand: the checkpoint of the source, and a network for each copy.
 */
export const fork: Scenario = {
  name: `fork of a running sandbox ×${COPIES}`,
  goal: 1.2,
  rounds: { short: 3, full: 10 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    const { sandboxId } = await stand.client.create();
    const bare = await openBareRunsc();
    const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-fork-'));
    const source = await bare.launch();
    await source.checkpoint(dir);
    return {
      subject: { name: `copy ×${COPIES}`, run: () => copyTimes(stand, sandboxId) },
      comparator: { name: `${COPIES} × runsc restore`, run: () => restoreTimes(bare, dir) },
      close: async () => {
        await source.end();
        await stand.close();
        await bare.close();
        await rm(dir, { recursive: true });
      },
    };
  },
};

async function copyTimes({ client }: Stand, sandboxId: string): Promise<number> {
  const ids: string[] = [];
  const ms = await timed(async () => {
    const { sandboxes } = await client.copy(sandboxId, { times: COPIES });
    ids.push(...sandboxes.map((copy) => copy.sandboxId));
  });
  if (ids.length !== COPIES) throw new Error(`${ids.length} of ${COPIES} copies`);
  await Promise.all(ids.map((id) => client.delete(id)));
  return ms;
}

async function restoreTimes(bare: BareRuntime, dir: string): Promise<number> {
  const restores: (() => Promise<BareContainer>)[] = [];
  for (let count = 0; count < COPIES; count += 1) restores.push(await bare.prepareRestore(dir));
  const restored: BareContainer[] = [];
  const ms = await timed(async () => {
    restored.push(...(await Promise.all(restores.map((restore) => restore()))));
  });
  await Promise.all(restored.map((container) => container.end()));
  return ms;
}
