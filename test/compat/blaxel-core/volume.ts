import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call, IMAGE } from '../blaxel/calls.ts';
import type { Client, VolumeInstance } from './client.ts';

/** Volumes (wire 1.9), by the unmodified client. */
export function testVolumes(
  server: () => TestServer,
  client: () => Client,
  volumes: () => typeof VolumeInstance,
): void {
  test('a volume outlives its sandbox, grows, and is deleted when nobody has it', async () => {
    const made = await volumes().create({ name: 'vol', size: 64, labels: { k: 'v' } });
    expect([made.name, made.size]).toEqual(['vol', 64]);
    await expect(volumes().create({ name: 'vol' })).rejects.toMatchObject({ code: 'VOLUME_ALREADY_EXISTS' });
    expect((await volumes().createIfNotExists({ name: 'vol' })).size).toBe(64);
    const mounts = { image: IMAGE, memory: 512, volumes: [{ name: 'vol', mountPath: '/data' }] };
    const first = await client().create({ name: 'writes', ...mounts });
    await first.process.exec({ command: 'echo kept > /data/f; sync', waitForCompletion: true });
    expect((await volumes().get('vol')).volume.state).toEqual({ attachedTo: 'sandbox:writes' });
    await expect(volumes().delete('vol')).rejects.toMatchObject({ code: 409 });
    await first.delete();
    expect((await volumes().update('vol', { size: 96 })).volume.spec.size).toBe(96);
    const second = await client().create({ name: 'reads', ...mounts });
    const read = await second.process.exec({ command: 'cat /data/f', waitForCompletion: true });
    expect(read.stdout).toBe('kept\n');
    await second.delete();
    await volumes().delete('vol');
    await expect(volumes().get('vol')).rejects.toMatchObject({ code: 404 });
  });

  test('what other products have is an empty list', async () => {
    const page = await call(server(), 'GET', '/v0/agents');
    expect([page.status, page.body]).toEqual([200, { data: [], meta: { hasMore: false, total: 0 } }]);
    expect((await call(server(), 'GET', '/v0/templates')).body).toEqual([]);
    expect((await call(server(), 'GET', '/v0/agents/mine')).status).toBe(404);
  });
}
