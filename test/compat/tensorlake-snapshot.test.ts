import { SandboxClient } from 'tensorlake';
import { expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';

describeOnEachDriver('snapshots with npm tensorlake', (server, driver) => {
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

  test.runIf(driver === 'gvisor')(
    'a snapshot of memory and a live copy count on from where their source was',
    { timeout: 60_000 },
    async () => {
      const client = connect();
      const source = await client.createAndConnect({ cpus: 1, memoryMb: 256 });
      await source.run('sh', { args: ['-c', counter] });
      const count = async (sandbox: typeof source): Promise<number> =>
        Number((await sandbox.run('sh', { args: ['-c', 'sleep 0.2; cat /tmp/count'] })).stdout);
      const before = await count(source);
      const snapshot = await source.checkpoint({ checkpointType: 'memory', waitUntil: 'completed' });
      expect(snapshot).toMatchObject({ status: 'completed', snapshotType: 'memory' });
      const { sandboxes } = await client.copy(source.sandboxId, { times: 1 });
      expect(sandboxes.map(({ status }) => status)).toEqual(['running']);
      // The client asks for its own usual size with this, which is not that of the memory.
      const restored = await client.createAndConnect({ snapshotId: snapshot?.snapshotId ?? '' });
      const copy = await client.connect(sandboxes[0]?.sandboxId ?? '');
      for (const sandbox of [source, restored, copy]) {
        expect(await count(sandbox)).toBeGreaterThan(before);
        await sandbox.terminate();
      }
      await client.deleteSnapshot(snapshot?.snapshotId ?? '');
    },
  );
});

/** Counts in memory alone; the files of a new sandbox would say nothing. */
const counter = `setsid nohup sh -c 'i=0; while :; do i=$((i+1)); echo $i > /tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.02; done' </dev/null >/dev/null 2>&1 &
until [ -s /tmp/count ]; do sleep 0.05; done`;
