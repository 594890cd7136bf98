import { expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { Descriptor } from '../../fixtures/derived-image.ts';
import type { DriverName } from '../../fixtures/driver-under-test.ts';
import { digestOf } from '../../fixtures/image-layout.ts';
import { registryClient } from '../../fixtures/registry-client.ts';
import { runCli } from '../../fixtures/run-cli.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { snapshotCalls } from '../../fixtures/snapshot-calls.ts';

const small = { resources: { memory_mb: 128 } };

/** Every kind of change that a sandbox can make to its files. */
const changes = `
set -e
mkdir -p /workspace/deep/er; cd /workspace
echo kept > deep/er/file; ln deep/er/file hard; ln -s deep/er/file soft
echo '#!/bin/sh' > tool; chmod 4755 tool
rm /etc/issue; rm -r /etc/skel; mkdir /etc/skel; echo new > /etc/skel/only
`;
const look = `
cat /workspace/soft; stat -c '%a %U' /workspace/tool; [ /workspace/hard -ef /workspace/deep/er/file ] && echo linked
ls -A /etc/skel; [ -e /etc/issue ] || echo gone
`;
const seen = 'kept\n4755 tl-user\nlinked\nonly\ngone';

/** Filesystem snapshots: images of what a sandbox was. */
export function testSnapshotting(server: () => TestServer, driver: DriverName): void {
  const snapshots = snapshotCalls(server);
  const get = async (id: string) => (await call(server(), `/sandboxes/${id}`)).body as { status: string };
  const terminate = (id: string) => call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  const post = (path: string) => call(server(), path, { method: 'POST' });

  test('sandboxes start from what another one was, at once and in other sizes', async () => {
    const source = await createSandbox(server(), { ...small, name: 'source' });
    const box = sandboxCalls(server(), source);
    await box.run(`sudo -n true 2>/dev/null; ${changes}`, { user: 'root' });
    await box.run('chown tl-user /workspace/tool; chmod 4755 /workspace/tool', { user: 'root' });
    await box.call('/api/v1/processes', { body: { command: 'sleep', args: ['1000'] } });
    const snapshot = await snapshots.take(source);
    expect(snapshot).toMatchObject({
      sandbox_id: source,
      status: 'completed',
      snapshot_type: 'filesystem',
      base_image: 'tensorlake/ubuntu-minimal',
      namespace: 'default',
    });
    expect(snapshot.size_bytes).toBeGreaterThan(0);
    expect(snapshot.rootfs_disk_bytes).toBeGreaterThan(10_000_000);
    expect(await get(source)).toMatchObject({ status: 'running' });
    await box.run('echo later > /workspace/soft');

    const named = { name: 'kept-files', snapshotId: snapshot.id };
    const registered = await call(server(), '/platform/v1/sandbox-templates', { body: named });
    expect(registered.status, JSON.stringify(registered.body)).toBeLessThan(300);
    const image = '/v2/default/kept-files';
    const registry = registryClient(server());
    const { layers } = (await (await registry.call(`${image}/manifests/latest`)).json()) as {
      layers: Descriptor[];
    }; // OCI
    const { digest = '' } = layers.at(-1) ?? {};
    const layer = Buffer.from(await (await registry.call(`${image}/blobs/${digest}`)).arrayBuffer());
    expect([digestOf(layer), layer.length]).toEqual([digest, layers.at(-1)?.size]);

    const sizes = [256, 128, 64];
    const copies = await Promise.all(
      sizes.map((memory_mb) =>
        createSandbox(server(), { snapshot_id: snapshot.id, resources: { memory_mb } }),
      ),
    );
    for (const [index, id] of copies.entries()) {
      expect((await sandboxCalls(server(), id).run(look)).output).toBe(seen);
      expect(await get(id)).toMatchObject({
        image: 'tensorlake/ubuntu-minimal',
        origin_snapshot_id: snapshot.id,
        resources: { memory_mb: sizes[index] },
      });
    }
    const [first = ''] = copies;
    await sandboxCalls(server(), first).run('rm /workspace/soft; echo second > /workspace/second');
    const second = await snapshots.take(first);
    expect(second).toMatchObject({ origin_snapshot_id: snapshot.id, status: 'completed' });
    const grandchild = await createSandbox(server(), { snapshot_id: second.id, ...small });
    expect((await sandboxCalls(server(), grandchild).run('cd /workspace; ls')).output).toBe(
      'deep\nhard\nsecond\ntool',
    );
    const { stdout } = await runCli(['sbx', 'tree'], { env: { ATOLL_DATA_DIR: server().dataDir } });
    const depthOf = (of: string): number =>
      stdout
        .split('\n')
        .find((line) => line.includes(of))
        ?.search(/\w/) ?? -1;
    const lineage = [source, snapshot.id, first, second.id, grandchild].map(depthOf);
    expect(lineage, stdout).toEqual([0, 5, 8, 11, 14]);
    for (const id of [source, grandchild, ...copies]) await terminate(id);
  });

  test('a suspended sandbox stays suspended while it is read, and wakes afterwards', async () => {
    const id = await createSandbox(server(), { ...small, name: 'sleeper' });
    await sandboxCalls(server(), id).run('echo asleep > /workspace/file');
    await post('/sandboxes/sleeper/suspend');
    await expect.poll(() => get(id), { timeout: 20_000 }).toMatchObject({ status: 'suspended' });
    const snapshot = await snapshots.take('sleeper');
    expect(await get(id)).toMatchObject({ status: 'suspended' });
    const copy = await createSandbox(server(), { snapshot_id: snapshot.id, ...small });
    expect((await sandboxCalls(server(), copy).run('cat /workspace/file')).output).toBe('asleep');
    expect((await sandboxCalls(server(), id).run('cat /workspace/file')).output).toBe('asleep');
    expect(await get(id)).toMatchObject({ status: 'running' });
    for (const each of [id, copy]) await terminate(each);
  });

  test('snapshots are deleted; what came from them lives on', async () => {
    const source = await createSandbox(server(), small);
    await sandboxCalls(server(), source).run('echo kept > /workspace/file');
    const snapshot = await snapshots.take(source);
    expect((await snapshots.list()).map(({ id }) => id)).toContain(snapshot.id);
    const copy = await createSandbox(server(), { snapshot_id: snapshot.id, ...small });
    expect(await snapshots.remove(snapshot.id)).toMatchObject({ status: 200 });
    expect(await snapshots.remove(snapshot.id)).toMatchObject({ status: 404 });
    const again = await call(server(), '/sandboxes', { body: { snapshot_id: snapshot.id } });
    expect(again).toMatchObject({ status: 404, body: { code: 'snapshot_not_found' } });
    await call(server(), '/v1/images/prune', { method: 'POST', body: {} });
    expect((await sandboxCalls(server(), copy).run('cat /workspace/file')).output).toBe('kept');
    expect(await snapshots.take(copy)).toMatchObject({ status: 'completed' });
    for (const id of [source, copy]) await terminate(id);
  });

  test('what cannot be taken or started from is refused with the reason', async () => {
    const id = await createSandbox(server(), small);
    expect(await snapshots.begin('nobody')).toMatchObject({ status: 404 });
    if (driver === 'native') {
      const refused = await snapshots.begin(id, { snapshot_type: 'memory' });
      expect(refused).toMatchObject({ status: 400, body: { code: 'unsupported' } });
      expect(JSON.stringify(refused.body)).toContain('gvisor can');
    }
    expect(await snapshots.begin(id, { snapshot_type: 'both' })).toMatchObject({ status: 400 });
    const { id: snapshotId } = await snapshots.take(id, { snapshot_type: 'filesystem' });
    const both = { snapshot_id: snapshotId, image: 'ubuntu-minimal' };
    expect(await call(server(), '/sandboxes', { body: both })).toMatchObject({ status: 400 });
    await terminate(id);
    expect(await snapshots.begin(id)).toMatchObject({ status: 400, body: { code: 'invalid_state' } });
  });

  test('ten snapshots of one sandbox at once: one is taken, the others are told', async () => {
    const id = await createSandbox(server(), small);
    const answers = await Promise.all(Array.from({ length: 10 }, () => snapshots.begin(id)));
    const taken = answers.filter(({ status }) => status === 202);
    expect(taken.length).toBeGreaterThan(0);
    for (const answer of answers) {
      if (answer.status !== 202)
        expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_state' } });
    }
    for (const { body } of taken)
      expect(await snapshots.settled((body as { snapshot_id: string }).snapshot_id)).toMatchObject({
        status: 'completed',
      });
    await terminate(id);
  });

  test('a terminate in the middle ends both', { timeout: 60_000 }, async () => {
    const id = await createSandbox(server(), small);
    await sandboxCalls(server(), id).run('head -c 200M /dev/urandom > /workspace/big');
    const begun = snapshots.begin(id);
    await expect.poll(() => get(id), { interval: 5 }).toMatchObject({ status: 'snapshotting' });
    expect(await terminate(id)).toMatchObject({ status: 200 });
    const { body } = await begun;
    const snapshot = await snapshots.settled((body as { snapshot_id: string }).snapshot_id);
    expect(snapshot).toMatchObject({ status: 'failed', error: 'the sandbox was terminated meanwhile' });
    const from = await call(server(), '/sandboxes', { body: { snapshot_id: snapshot.id } });
    expect(from).toMatchObject({ status: 400, body: { code: 'invalid_state' } });
    expect(await get(id)).toMatchObject({ status: 'terminated' });
  });
}
