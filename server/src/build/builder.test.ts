import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { openAgentBinaries } from '../agent/binary.ts';
import { createIdentityFolders } from '../agent/identity.ts';
import { createLog } from '../lib/log.ts';
import { createLoopbackNetwork } from '../network/loopback.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';
import { createFakeDriver } from '../runtime/fake/fake-driver.ts';
import { usualLimits } from '../sandbox/admission.ts';
import { createSlotPool } from '../sandbox/slot-pool.ts';
import { createBuilders } from './builder.ts';

const agentBinary = join(import.meta.dirname, '../../../.build/atoll-agent');

/** Builders whose sandboxes start as `start` says. */
async function open(start: RuntimeDriver['start']) {
  const runDir = await tempDir();
  const log = createLog('silent');
  const driver = { ...(await createFakeDriver({ runDir, log })), start };
  const network = createLoopbackNetwork();
  const slots = createSlotPool({ driver, network, log, usualLimits, minReady: 0, maxReady: 2 });
  onTestFinished(slots.close);
  const builders = createBuilders({
    slots,
    driver,
    network,
    log,
    openRangesOf: () => [],
    agents: await openAgentBinaries({ source: agentBinary, dataDir: runDir }),
    identities: createIdentityFolders({ runDir }),
    serverKey: Buffer.alloc(32),
    checkHost: () => {},
  });
  const run = (signal = new AbortController().signal) =>
    builders.ofBuild().run({
      lowers: ['/'],
      disk: runDir,
      cpus: 1,
      memoryMb: 64,
      mounts: [],
      hasNetwork: true,
      workspaceId: 'workspace',
      process: { argv: ['true'], env: {}, workingDir: '/', user: '' },
      signal,
      onLine: () => {},
    });
  return { run, slots, driver, settled: builders.settled };
}

test('a process whose sandbox does not start gets one other slot, and neither is left', async () => {
  const tried: string[] = [];
  const { run, driver, settled } = await open((slot) => {
    tried.push(slot.id);
    return Promise.reject(new Error(`dead ${tried.length}`));
  });
  await expect(run()).rejects.toThrow('dead 2');
  await settled();
  expect(new Set(tried).size).toBe(2);
  expect(await driver.list()).not.toEqual(expect.arrayContaining(tried));
});

test('a build that ends while its sandbox starts gets no other slot', async () => {
  const cancelling = new AbortController();
  let starts = 0;
  const { run } = await open(() => {
    starts += 1;
    cancelling.abort(new Error('cancelled'));
    return Promise.reject(new Error('killed'));
  });
  await expect(run(cancelling.signal)).rejects.toThrow('cancelled');
  expect(starts).toBe(1);
});

test('slots for the steps to come are made while builds run', async () => {
  const { run, slots } = await open(() => Promise.reject(new Error('dead')));
  for (let step = 1; step <= 2; step += 1) await run().catch(() => {});
  await expect.poll(slots.readyCount).toBeGreaterThan(0);
});
