import { createHmac } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { call } from '../../fixtures/api.ts';
import { sandboxCalls } from '../../fixtures/counting-sandbox.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { snapshotCalls } from '../../fixtures/snapshot-calls.ts';

const memory = { snapshot_type: 'memory' };
const TIMEOUT_MS = 120_000;

/** Memory snapshots: a sandbox with all that runs in it, to go on from any number of times. */
export function testMemorySnapshots(server: () => TestServer): void {
  const snapshots = snapshotCalls(server);
  const calls = () => sandboxCalls(server());
  const create = async (body: object) => call(server(), '/sandboxes', { body });
  const started = async (body: object): Promise<string> => {
    const answer = await create(body);
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200, body: { status: 'running' } });
    return (answer.body as { sandbox_id: string }).sandbox_id;
  };
  const rollback = (id: string, body: object) =>
    call(server(), `/sandboxes/${id}/rollback`, { method: 'POST', body });
  const checkpoints = () => readdir(join(server().dataDir, 'checkpoints'));
  const counting = async (name?: string): Promise<string> => {
    const id = await calls().create(name);
    await calls().beginCounting(id);
    return id;
  };

  test(
    'any number of sandboxes count on from a snapshot, and the source goes on',
    { timeout: TIMEOUT_MS },
    async () => {
      const source = await counting();
      const before = await calls().count(source);
      const { body } = await snapshots.begin(source, memory);
      const { snapshot_id: id } = body as { snapshot_id: string };
      await expect.poll(async () => (await snapshots.get(id)).status).not.toBe('in_progress');
      await calls().run(source, 'echo later > /root/later');
      const snapshot = await snapshots.settled(id);
      expect(snapshot).toMatchObject({ status: 'completed', snapshot_type: 'memory', sandbox_id: source });
      expect(snapshot.size_bytes).toBeGreaterThan(1_000_000);
      expect(snapshot.rootfs_disk_bytes).toBeGreaterThan(10_000_000);
      expect(await calls().count(source)).toBeGreaterThan(before);
      await calls().terminate(source);

      // What unmodified clients send with every create says nothing of the size.
      const usual = { snapshot_id: id, resources: { cpus: 1, memory_mb: 1024 } };
      const copies = await Promise.all([usual, { snapshot_id: id, name: 'counts-on' }, usual].map(started));
      for (const copy of copies) {
        expect(await calls().count(copy)).toBeGreaterThan(before);
        expect(await calls().run(copy, 'ls /root/later 2>/dev/null; true')).toBe('');
        expect(await calls().get(copy)).toMatchObject({
          origin_snapshot_id: id,
          image: 'tensorlake/ubuntu-minimal',
          resources: { cpus: 1, memory_mb: 256, disk_mb: 2048 },
        });
      }
      const machines = await Promise.all(copies.map((copy) => calls().run(copy, 'cat /etc/machine-id')));
      expect(new Set(machines).size).toBe(copies.length);
      for (const copy of copies) await calls().terminate(copy);
      expect(await snapshots.remove(id)).toMatchObject({ status: 200 });
      await expect.poll(checkpoints, { timeout: 30_000 }).toEqual([]);
    },
  );

  test(
    'one of a sandbox that sleeps shares its checkpoint, and outlives it and the server',
    { timeout: TIMEOUT_MS },
    async () => {
      const source = await counting('sleeps');
      const before = await calls().count(source);
      await calls().suspend(source);
      const snapshot = await snapshots.take(source, memory);
      expect(snapshot).toMatchObject({ status: 'completed' });
      expect(await checkpoints()).toHaveLength(1);
      expect(await calls().get(source)).toMatchObject({ status: 'suspended' });
      expect(await calls().count(source)).toBeGreaterThan(before);
      await calls().terminate(source);
      await server().kill9();
      await server().restart();
      const copy = await started({ snapshot_id: snapshot.id });
      expect(await calls().count(copy)).toBeGreaterThan(before);
      // Deleted while somebody stands on it: what has started goes on.
      const starting = started({ snapshot_id: snapshot.id });
      await expect.poll(async () => (await calls().get(copy))['status']).toBe('running');
      const again = await starting;
      expect(await snapshots.remove(snapshot.id)).toMatchObject({ status: 200 });
      expect(await calls().count(again)).toBeGreaterThan(before);
      for (const each of [copy, again]) await calls().terminate(each);
      await expect.poll(checkpoints, { timeout: 30_000 }).toEqual([]);
    },
  );

  test('a sandbox is rolled back to memory, or to the files of it', { timeout: TIMEOUT_MS }, async () => {
    const id = await counting('rolled');
    const logged = async (): Promise<string[]> => {
      const { body } = await calls().send('GET', id, '/logs?head=1000&body=logged');
      return (body['logs'] as { body: string }[]).map((line) => line.body);
    };
    await calls().run(id, 'echo logged before');
    const snapshot = await snapshots.take(id, memory);
    const late = await calls().count(id);
    await calls().run(id, 'pkill perl; rm /tmp/state; echo second > /root/file; echo logged in vain');
    expect(await rollback(id, { snapshot_id: snapshot.id })).toMatchObject({
      status: 200,
      body: { id, name: 'rolled', status: 'running', origin_snapshot_id: snapshot.id },
    });
    expect(await calls().run(id, 'ls /root/file 2>/dev/null; pgrep -c perl')).toBe('2');
    const after = await calls().count(id);
    expect(after).toBeGreaterThan(0);
    await calls().run(id, 'echo logged after');
    // The memory has the lines from before the snapshot a second time, and knows nothing of those after it.
    await expect.poll(logged, { timeout: 30_000 }).toContain('logged after');
    expect(await logged()).toEqual(['logged before', 'logged in vain', 'logged after']);
    await expect.poll(() => calls().count(id), { timeout: 60_000 }).toBeGreaterThan(late);
    const files = { snapshot_id: snapshot.id, snapshot_type: 'filesystem' };
    expect(await rollback(id, files)).toMatchObject({ status: 200 });
    expect(await calls().run(id, 'pgrep -c perl; ls /tmp/count.pl')).toBe('0\n/tmp/count.pl');
    const other = await started({ resources: { memory_mb: 128 } });
    const refused = await rollback(other, { snapshot_id: snapshot.id });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_resources' } });
    for (const each of [id, other]) await calls().terminate(each);
    await snapshots.remove(snapshot.id);
    await expect.poll(checkpoints, { timeout: 30_000 }).toEqual([]);
  });

  test(
    'what memory cannot be given is refused, and its files start where it cannot',
    { timeout: TIMEOUT_MS },
    async () => {
      const source = await counting();
      await calls().run(source, 'echo kept > /root/file');
      const snapshot = await snapshots.take(source, memory);
      const from = { snapshot_id: snapshot.id };
      for (const other of [{ cpus: 2 }, { memory_mb: 512 }, { disk_mb: 4096 }])
        expect(await create({ ...from, resources: other })).toMatchObject({
          status: 400,
          body: { code: 'invalid_resources' },
        });
      expect(await create({ ...from, entrypoint: ['sleep', '1'] })).toMatchObject({ status: 400 });
      expect(await create({ ...from, image: 'ubuntu-minimal' })).toMatchObject({ status: 400 });
      const [checkpoint = ''] = await checkpoints();
      await reseal(server(), checkpoint, { cpuFeatures: ['of_tomorrow'] });
      expect(await create(from)).toMatchObject({
        status: 409,
        body: { code: 'checkpoint_unusable', message: expect.stringContaining('of_tomorrow') as string },
      });
      await reseal(server(), checkpoint, { runtimeVersion: 'another' });
      const refused = await rollback(source, from);
      expect(refused).toMatchObject({ status: 409, body: { code: 'checkpoint_unusable' } });
      expect(JSON.stringify(refused.body)).toContain('another version');
      expect(await calls().count(source)).toBeGreaterThan(0);
      const files = await started({ ...from, snapshot_type: 'filesystem', resources: { memory_mb: 128 } });
      expect(await calls().run(files, 'cat /root/file; pgrep -c perl')).toBe('kept\n0');
      for (const each of [source, files]) await calls().terminate(each);
      await snapshots.remove(snapshot.id);
    },
  );
}

/** Changes what a checkpoint says of itself, as another server of the same key would have written it. */
async function reseal({ dataDir }: TestServer, checkpoint: string, change: object): Promise<void> {
  const path = join(dataDir, 'checkpoints', checkpoint, 'manifest');
  const [text = ''] = (await readFile(path, 'utf8')).split('\n');
  const changed = JSON.stringify({ ...(JSON.parse(text) as object), ...change });
  const key = Buffer.from((await readFile(join(dataDir, 'server-key'), 'utf8')).trim(), 'hex');
  const seal = createHmac('sha256', key).update('checkpoint\0').update(changed).digest('hex');
  await writeFile(path, `${changed}\n${seal}\n`);
}
