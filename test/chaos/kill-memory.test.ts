import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { call } from '../fixtures/api.ts';
import { sandboxCalls } from '../fixtures/counting-sandbox.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { snapshotCalls } from '../fixtures/snapshot-calls.ts';

/** From the first write of a memory snapshot to beyond its last, in milliseconds. */
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const moments = isLong ? [0, 10, 30, 60, 120, 250, 500, 1000] : [40];

describeOnEachDriver('a server that is killed while it writes memory', (server, driver) => {
  if (driver !== 'gvisor') return void test.skip('writes none', () => {});
  const snapshots = snapshotCalls(server);
  const calls = () => sandboxCalls(server());

  test(
    'leaves a sandbox that counts on, and snapshots that do or have failed',
    { timeout: 240_000 },
    async () => {
      const id = await calls().create('written');
      await calls().beginCounting(id);
      let before = await calls().count(id);
      for (const moment of moments) {
        for (const path of ['snapshot', 'suspend']) {
          const body = path === 'snapshot' ? { snapshot_type: 'memory' } : undefined;
          const underWay = call(server(), `/sandboxes/${id}/${path}`, { method: 'POST', body }).catch(
            () => {},
          );
          await sleep(moment);
          await server().kill9();
          await underWay;
          await server().restart();
          const now = await calls().count(id);
          expect(now).toBeGreaterThan(before);
          before = now;
        }
      }
      for (const { id: snapshotId } of await snapshots.list()) {
        const { status, error } = await snapshots.settled(snapshotId);
        if (status === 'failed') expect(error).toContain('the server ended');
        else {
          const { body } = await call(server(), '/sandboxes', { body: { snapshot_id: snapshotId } });
          const { sandbox_id: copy } = body as { sandbox_id: string };
          expect(await calls().count(copy)).toBeGreaterThan(0);
          await calls().terminate(copy);
        }
        await snapshots.remove(snapshotId);
      }
      await calls().terminate(id);
    },
  );
});
