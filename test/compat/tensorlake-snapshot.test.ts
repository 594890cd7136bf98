import { SandboxClient } from 'tensorlake';
import { expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';

describeOnEachDriver('snapshots with npm tensorlake', (server) => {
  const connect = () => new SandboxClient({ apiUrl: server().url, apiKey: server().apiKey });
  const read = async (sandbox: { readFile: (path: string) => Promise<Uint8Array> }) =>
    new TextDecoder().decode(await sandbox.readFile('/workspace/file'));

  test('a snapshot is taken, found, restored into several sandboxes and deleted', async () => {
    const client = connect();
    const source = await client.createAndConnect({ name: 'snapped' });
    await source.writeFile('/workspace/file', new TextEncoder().encode('kept'));
    const snapshot = await client.snapshotAndWait(source.sandboxId, { snapshotType: 'filesystem' });
    expect(snapshot).toMatchObject({ sandboxId: source.sandboxId, snapshotType: 'filesystem' });
    expect(snapshot.sizeBytes).toBeGreaterThan(0);
    const completed = await client.snapshotAndWait(source.sandboxId, { waitUntil: 'completed' });
    expect(completed.status).toBe('completed');
    expect((await client.getSnapshot(snapshot.snapshotId)).baseImage).toBe('tensorlake/ubuntu-minimal');
    await source.writeFile('/workspace/file', new TextEncoder().encode('later'));
    const copies = await Promise.all(
      [1, 2].map(() => client.createAndConnect({ snapshotId: snapshot.snapshotId, memoryMb: 512 })),
    );
    for (const copy of copies) expect(await read(copy)).toBe('kept');
    const found = await source.listSnapshots();
    expect(found.map(({ snapshotId }) => snapshotId)).toContain(snapshot.snapshotId);
    for (const { snapshotId } of [snapshot, completed]) await client.deleteSnapshot(snapshotId);
    expect(await client.listSnapshots()).toHaveLength(0);
    await expect(client.getSnapshot(snapshot.snapshotId)).rejects.toMatchObject({ statusCode: 404 });
    for (const copy of [source, ...copies]) await copy.terminate();
  });

  test('a checkpoint of the handle is a snapshot, and one of a terminated sandbox is refused', async () => {
    const client = connect();
    const sandbox = await client.createAndConnect();
    const checkpoint = await sandbox.checkpoint({ checkpointType: 'filesystem' });
    expect(checkpoint?.snapshotId).toMatch(/^[a-z0-9]{21}$/);
    await sandbox.terminate();
    await expect(client.snapshot(sandbox.sandboxId)).rejects.toMatchObject({ statusCode: 400 });
    await client.deleteSnapshot(checkpoint?.snapshotId ?? '');
  });
});
