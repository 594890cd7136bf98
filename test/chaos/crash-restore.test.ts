import { expect, test } from 'vitest';
import { call } from '../fixtures/api.ts';
import { sandboxCalls } from '../fixtures/counting-sandbox.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { snapshotCalls } from '../fixtures/snapshot-calls.ts';
import { readRecords } from './records.ts';
import { processesOfSlot } from './slot-process.ts';

const TIMEOUT_MS = 120_000;
const small = { resources: { cpus: 1, memory_mb: 256, disk_mb: 2048 } };

describeOnEachDriver('a sandbox that asked to be restored after a crash', (server, driver) => {
  const snapshots = snapshotCalls(server);
  const calls = () => sandboxCalls(server());
  const create = (body: object) => call(server(), '/sandboxes', { body: { ...small, ...body } });
  const update = (id: string, body: object) => call(server(), `/sandboxes/${id}`, { method: 'PATCH', body });
  const recordOf = (id: string) => readRecords(server().dataDir).find((record) => record.id === id);
  const killRuntime = (id: string): void => {
    const processes = processesOfSlot(recordOf(id)?.slotId ?? 'none');
    const sentry = processes.find(({ line }) => / boot .*--bundle/.test(line));
    process.kill(sentry?.pid ?? Number.NaN, 'SIGKILL');
  };
  const incarnationOf = (id: string): number => recordOf(id)?.incarnation ?? 0;
  const restored = (id: string, after: number) =>
    expect
      .poll(async () => [(await calls().get(id))['status'], incarnationOf(id) > after], { timeout: 60_000 })
      .toEqual(['running', true]);

  if (driver !== 'gvisor') {
    test('is refused where no memory can be written', async () => {
      expect(await create({ on_crash: 'restore' })).toMatchObject({
        status: 400,
        body: { code: 'unsupported' },
      });
    });
    return;
  }

  test('counts on from its last memory, also when the server was down', { timeout: TIMEOUT_MS }, async () => {
    const id = await calls().create('survivor');
    expect(await update(id, { on_crash: 'restore' })).toMatchObject({ body: { on_crash: 'restore' } });
    await calls().beginCounting(id);
    const before = await calls().count(id);
    const { id: snapshot } = await snapshots.take(id, { snapshot_type: 'memory' });
    await calls().run(id, 'echo late > /root/late');
    const first = incarnationOf(id);
    killRuntime(id);
    await restored(id, first);
    expect(await calls().count(id)).toBeGreaterThan(before);
    expect(await calls().run(id, 'ls /root/late 2>/dev/null; true')).toBe('');
    expect(await calls().get(id)).toMatchObject({ name: 'survivor', origin_snapshot_id: snapshot });

    // A server that starts anew knows of no crash before.
    const second = incarnationOf(id);
    await server().kill9();
    killRuntime(id);
    await server().restart();
    await restored(id, second);
    expect(await calls().count(id)).toBeGreaterThan(before);
    // Twice within a minute is once too often.
    killRuntime(id);
    await expect.poll(async () => (await calls().get(id))['status'], { timeout: 60_000 }).toBe('terminated');
    expect(JSON.stringify(await calls().get(id))).toContain('less than a minute ago');
    await snapshots.remove(snapshot);
  });

  test('ends with the reason where there is no memory of it', { timeout: TIMEOUT_MS }, async () => {
    const { body } = await create({ on_crash: 'restore' });
    const { sandbox_id: id } = body as { sandbox_id: string };
    killRuntime(id);
    await expect.poll(async () => (await calls().get(id))['status'], { timeout: 60_000 }).toBe('terminated');
    expect(await calls().get(id)).toMatchObject({
      termination_reason: 'agent_exited',
      error_details: { message: expect.stringContaining('there is no memory snapshot of it') as string },
    });
    expect(await update(id, { on_crash: 'terminate' })).toMatchObject({ status: 400 });
  });
});
