import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { call } from '../fixtures/api.ts';
import { sandboxCalls } from '../fixtures/counting-sandbox.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { snapshotCalls } from '../fixtures/snapshot-calls.ts';
import { readRecords } from './records.ts';

/** From before memory is written or read until after it, in milliseconds. */
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const moments = isLong ? [0, 20, 50, 100, 200, 400, 800, 1600] : [60];
const small = { cpus: 1, memory_mb: 256, disk_mb: 2048 };

describeOnEachDriver('a server that is killed while memory goes on elsewhere', (server, driver) => {
  if (driver !== 'gvisor') return void test.skip('writes none', () => {});
  const snapshots = snapshotCalls(server);
  const calls = () => sandboxCalls(server());
  const post = (path: string, body?: object) => call(server(), path, { method: 'POST', body });
  const create = async (body: object): Promise<string> => {
    const { sandbox_id: id } = (await post('/sandboxes', { resources: small, ...body })).body as {
      sandbox_id: string;
    };
    await calls().beginCounting(id);
    return id;
  };
  const killDuring = async (act: () => Promise<unknown>, moment: number): Promise<void> => {
    const underWay = act().catch(() => {});
    await sleep(moment);
    await server().kill9();
    await underWay;
    await server().restart();
  };
  const others = (...own: string[]): string[] =>
    readRecords(server().dataDir)
      .filter(({ id, state }) => !own.includes(id) && state !== 'terminated' && state !== 'failed')
      .map(({ id }) => id);

  test(
    'leaves the source counting on, and copies and restores that count on or have failed',
    { timeout: 240_000 },
    async () => {
      const id = await create({ name: 'source' });
      const begun = await snapshots.begin(id, { snapshot_type: 'memory' });
      const { snapshot_id: snapshot } = begun.body as { snapshot_id: string };
      await expect.poll(async () => (await snapshots.get(snapshot)).status).not.toBe('in_progress');
      let before = await calls().count(id);
      for (const moment of moments) {
        for (const act of [
          () => post(`/sandboxes/${id}/copy?times=2`),
          () => post('/sandboxes', { snapshot_id: snapshot }),
        ]) {
          await killDuring(act, moment);
          const now = await calls().count(id);
          expect(now).toBeGreaterThan(before);
          before = now;
          for (const copy of others(id)) {
            expect(await calls().count(copy)).toBeGreaterThan(0);
            await calls().terminate(copy);
          }
        }
      }
      await snapshots.remove(snapshot);
      await calls().terminate(id);
    },
  );

  test(
    'leaves one that sleeps in memory asleep while it is taken to the disk',
    { timeout: 240_000 },
    async () => {
      const id = await create({ name: 'sleeper', timeout_secs: 1 });
      const state = async () => (await calls().get(id))['status'];
      let before = await calls().count(id);
      for (const moment of moments) {
        await expect.poll(state, { timeout: 60_000 }).toBe('suspended');
        // A copy of it needs it on the disk.
        await killDuring(() => post(`/sandboxes/${id}/copy?times=1`), moment);
        expect(await state()).toBe('suspended');
        const now = await calls().count(id);
        expect(now).toBeGreaterThan(before);
        before = now;
        for (const copy of others(id)) await calls().terminate(copy);
      }
      await calls().terminate(id);
    },
  );
});
