import { CloudClient, SandboxClient } from 'tensorlake';
import { expect, test } from 'vitest';
import { call } from '../fixtures/api.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';

/** File systems as the published client sees them (wire 1.7). */
describeOnEachDriver('file systems with npm tensorlake', (server) => {
  test('are made, listed, mounted, seen in the sandbox, and deleted', async () => {
    const { url: apiUrl, apiKey } = server();
    const introspected = await call(server(), '/platform/v1/keys/introspect', { method: 'POST' });
    const scope = introspected.body as { organizationId: string; projectId: string }; // wire 1.7
    const cloud = new CloudClient({ apiUrl, apiKey, ...scope });
    const made = await cloud.createFileSystem({ name: 'skills', description: 'what it knows' });
    expect(made).toMatchObject({ name: 'skills', description: 'what it knows', status: 'ready' });
    expect((await cloud.listFileSystems()).map(({ id }) => id)).toEqual([made.id]);

    const client = new SandboxClient({ apiUrl, apiKey });
    const fileSystems = [{ fileSystemId: made.id ?? '', mountPath: '/mnt/skills' }];
    const write = await client.createAndConnect({ memoryMb: 256, fileSystems });
    await write.run('sh', { args: ['-c', 'echo hello > /mnt/skills/greeting'] });
    expect([...(await write.listFileSystems())]).toEqual(fileSystems);
    const later = await cloud.createFileSystem({ name: 'later' });
    await client.attachFileSystem(write.sandboxId, later.id ?? '', '/mnt/later');
    expect((await write.run('touch', { args: ['/mnt/later/x'] })).exitCode).toBe(0);
    expect([...(await write.listFileSystems())].map(({ mountPath }) => mountPath)).toEqual([
      '/mnt/skills',
      '/mnt/later',
    ]);
    await write.detachFileSystem('/mnt/later');
    await cloud.deleteFileSystem(later.id ?? '');
    await expect(write.detachFileSystem('/mnt/skills')).rejects.toThrow(/from its create to its end/);
    await expect(cloud.deleteFileSystem(made.id ?? '')).rejects.toThrow(/409|has it/);
    await write.terminate();
    const read = await client.createAndConnect({ memoryMb: 256, fileSystems });
    expect((await read.run('cat', { args: ['/mnt/skills/greeting'] })).stdout).toBe('hello');
    await read.terminate();
    await cloud.deleteFileSystem(made.id ?? '');
    expect(await cloud.listFileSystems()).toEqual([]);
  });
});
