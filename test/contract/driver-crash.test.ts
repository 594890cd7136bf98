import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openDriverStand } from './driver-stand.ts';
import type { DriverKind, DriverStand } from './driver-stand.ts';

const SETUP_TIMEOUT_MS = 120_000;
const isRoot = process.getuid?.() === 0;
const kinds: { kind: DriverKind; needsRoot: boolean }[] = [
  { kind: 'gvisor', needsRoot: true },
  { kind: 'native', needsRoot: true },
  { kind: 'fake', needsRoot: false },
];
/** After the first step of a preparation; an idle machine has started the sandbox before the last one. */
const killedAfterMs = [0, 30, 100, 200, 350];

describe.each(kinds.filter(({ needsRoot }) => isRoot || !needsRoot))('driver $kind', ({ kind }) => {
  let stand: DriverStand;
  beforeAll(async () => {
    stand = await openDriverStand(kind);
  }, SETUP_TIMEOUT_MS);
  afterEach(() => stand.removeAll());
  afterAll(() => stand.close(), SETUP_TIMEOUT_MS);

  test.each(killedAfterMs)(
    'what a server that is killed after %d ms leaves can be removed',
    async (delayMs) => {
      const slot = await stand.newSlot();
      const args = [stand.folders, slot, await stand.specFor(slot)].map((value) => JSON.stringify(value));
      const server = spawn(process.execPath, [join(import.meta.dirname, 'crash-process.ts'), kind, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(server.stdout, 'data');
      await sleep(delayMs);
      server.kill('SIGKILL');
      await once(server, 'exit');
      const next = await stand.reopenDriver();
      for (const id of await next.list()) await next.remove(id);
      expect(await stand.census()).toEqual([]);
    },
  );
});

describe.runIf(isRoot)('two servers on one host', () => {
  test('neither sees or removes what is the other one’s', { timeout: SETUP_TIMEOUT_MS }, async () => {
    const stands = await Promise.all([openDriverStand('gvisor'), openDriverStand('gvisor')]);
    try {
      const [first, second] = await Promise.all(stands.map((stand) => stand.newSandbox()));
      expect(await stands[0]?.driver.list()).toEqual([first?.slot.id]);
      await stands[0]?.driver.remove(second?.slot.id ?? '');
      expect(await second?.agent.isHealthy()).toBe(true);
      await stands[0]?.removeAll();
      await stands[0]?.driver.close();
      expect(await second?.agent.isHealthy()).toBe(true);
    } finally {
      for (const stand of stands) await stand.removeAll().finally(() => stand.close());
    }
  });
});
