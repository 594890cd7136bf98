import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../fixtures/api.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { snapshotCalls } from '../fixtures/snapshot-calls.ts';
import { damagedBlobs } from './damaged-blobs.ts';

const small = { resources: { memory_mb: 128 } };
/** From the first write of a snapshot to beyond its last, in milliseconds. */
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const moments = isLong ? [0, 5, 20, 60, 120, 250, 500, 900] : [20, 200];

describeOnEachDriver('a server that is killed', (server, driver) => {
  if (driver === 'native' && !isLong) return void test.skip('in the long rounds only', () => {});
  const snapshots = snapshotCalls(server);
  const get = async (id: string) => (await call(server(), `/sandboxes/${id}`)).body;
  const terminate = (id: string) => call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  const killAfter = async (momentMs: number, work: () => Promise<unknown>): Promise<void> => {
    const underWay = work().catch(() => undefined);
    await sleep(momentMs);
    await server().kill9();
    await underWay;
    await server().restart();
  };

  test(
    'leaves snapshots that are whole or failed, and sandboxes that go on',
    { timeout: 120_000 },
    async () => {
      const id = await createSandbox(server(), small);
      await sandboxCalls(server(), id).run(
        'head -c 20M /dev/urandom > /workspace/big; echo kept > /workspace/file',
      );
      for (const moment of moments) {
        await killAfter(moment, () => snapshots.begin(id));
        expect(await get(id)).toMatchObject({ status: 'running' });
        expect((await sandboxCalls(server(), id).run('cat /workspace/file')).output).toBe('kept');
        for (const { id: snapshotId } of await snapshots.list()) {
          const { status, error } = await snapshots.settled(snapshotId);
          if (status === 'failed') expect(error).toContain('the server ended');
        }
        expect(await damagedBlobs(server().dataDir)).toEqual([]);
      }
      const whole = (await snapshots.list()).filter(({ status }) => status === 'completed');
      for (const { id: snapshotId } of [...whole, await snapshots.take(id)]) {
        const copy = await createSandbox(server(), { ...small, snapshot_id: snapshotId });
        const look = 'cat /workspace/file; stat -c %s /workspace/big';
        expect((await sandboxCalls(server(), copy).run(look)).output).toBe('kept\n20971520');
        await terminate(copy);
      }
      await terminate(id);
    },
  );

  test('leaves a sandbox that was being rolled back as one of the two', { timeout: 120_000 }, async () => {
    const id = await createSandbox(server(), small);
    await sandboxCalls(server(), id).run('echo first > /workspace/file');
    const { id: snapshot } = await snapshots.take(id);
    for (const moment of moments) {
      await sandboxCalls(server(), id).run('echo second > /workspace/file');
      const body = { snapshot_id: snapshot };
      await killAfter(moment, () => call(server(), `/sandboxes/${id}/rollback`, { body }));
      expect(await get(id)).toMatchObject({ id, status: 'running' });
      const { output } = await sandboxCalls(server(), id).run('cat /workspace/file');
      expect(['first', 'second']).toContain(output);
    }
    await terminate(id);
  });
});
