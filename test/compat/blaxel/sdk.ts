import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageInstance, SandboxInstance, VolumeInstance } from '@atoll/sdk/blaxel';
import { expect, test } from 'vitest';
import { tempDir } from '../../fixtures/temp-dir.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { IMAGE } from './calls.ts';

/** Our own SDK under the names of the Blaxel clients. */
export function testSdk(server: () => TestServer): void {
  const connection = () => ({ apiUrl: server().url, apiKey: server().apiKey });

  test('an image that is described is built, and its sandbox used', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'src', 'deep'), { recursive: true });
    await writeFile(join(dir, 'src', 'deep', 'a.txt'), 'deep\n');
    const seen: string[] = [];
    const built = await ImageInstance.fromRegistry(IMAGE)
      .workdir('/app')
      .env({ GREETING: 'hello' })
      .addLocalDir(join(dir, 'src'), '/app/src')
      .runCommands('mkdir /made')
      .build({
        name: 'described',
        memory: 512,
        onStatusChange: (status) => seen.push(status),
        connection: connection(),
      });
    expect(built.status).toBe('DEPLOYED');
    expect(seen.at(-1)).toBe('DEPLOYED');
    const sandbox = await SandboxInstance.get('described', connection());
    const output: string[] = [];
    const done = await sandbox.process.exec({
      command: 'echo $GREETING; cat src/deep/a.txt; ls -d /made >&2; exit 3',
      waitForCompletion: true,
      onStdout: (text) => output.push(text),
    });
    expect(done).toMatchObject({ status: 'failed', exitCode: 3, stderr: '/made\n' });
    expect(output.join('')).toContain('hello');
    await sandbox.fs.writeTree([{ path: 'a/b.txt', content: 'one' }], '/tmp/tree');
    expect(await sandbox.fs.read('/tmp/tree/a/b.txt')).toBe('one');
    const large = new Uint8Array(6 * 1024 * 1024).fill(7);
    await sandbox.fs.writeBinary('/tmp/large', large);
    expect(Buffer.from(await sandbox.fs.readBinary('/tmp/large')).equals(Buffer.from(large))).toBe(true);
    await sandbox.fs.mkdir('/tmp/tree/empty');
    const listed = await sandbox.fs.ls('/tmp/tree');
    expect(listed.subdirectories.map(({ name }) => name).toSorted()).toEqual(['a', 'empty']);
    expect((await sandbox.fs.grep('one', '/tmp/tree')).total).toBe(1);
    await sandbox.fs.rm('/tmp/tree', true);
    await expect(sandbox.fs.read('/tmp/tree/a/b.txt')).rejects.toMatchObject({ statusCode: 404 });
    const sleeping = await sandbox.process.exec({ command: 'sleep 1000', name: 'sleeper' });
    expect(sleeping.status).toBe('running');
    await sandbox.process.kill('sleeper');
    expect((await sandbox.process.wait('sleeper', { interval: 100 })).status).toBe('killed');
    expect((await sandbox.updateMetadata({ labels: { x: 'y' } })).metadata.labels).toEqual({ x: 'y' });
    const all = await SandboxInstance.list(connection());
    expect(all.map(({ metadata }) => metadata.name)).toContain('described');
    const input = { command: 'true' };
    const schedule = await sandbox.schedules.create({ type: 'cron', value: '0 8 * * *', input });
    const later = await sandbox.schedules.update(schedule.id, { type: 'cron', value: '0 9 * * *', input });
    expect([later.id, (await sandbox.schedules.get(schedule.id)).value]).toEqual([schedule.id, '0 9 * * *']);
    expect(await sandbox.schedules.executions()).toEqual([]);
    await sandbox.schedules.delete(schedule.id);
    expect(await sandbox.schedules.list()).toEqual([]);
    const snapshot = await sandbox.snapshots.create('s1');
    expect([snapshot.name, snapshot.status]).toEqual(['s1', 'ready']);
    expect((await sandbox.snapshots.get('s1'))?.id).toBe(snapshot.id);
    const fork = await snapshot.fork('forked', { envs: [{ name: 'OWN', value: 'its own' }] });
    const forked = await SandboxInstance.get(fork.name, connection());
    const told = await forked.process.exec({
      command: 'echo $OWN $GREETING $BL_NAME',
      waitForCompletion: true,
    });
    expect(told.stdout).toBe('its own hello forked\n');
    await forked.delete();
    expect(await sandbox.snapshots.restore('s1')).toEqual({ name: 'described', snapshotId: snapshot.id });
    await sandbox.snapshots.delete('s1');
    expect(await sandbox.snapshots.list()).toEqual([]);
    const session = await sandbox.sessions.create();
    const guest = SandboxInstance.fromSession(session);
    const answered = await guest.process.exec({ command: 'echo guest', waitForCompletion: true });
    expect(answered.stdout).toBe('guest\n');
    expect(await sandbox.sessions.list()).toMatchObject([{ name: session.name, token: session.token }]);
    await sandbox.sessions.delete(session.name);
    await expect(guest.process.list()).rejects.toMatchObject({ statusCode: expect.any(Number) as number });
    const preview = await sandbox.previews.create({
      metadata: { name: 'web' },
      spec: { port: 3000, public: true },
    });
    expect(
      (await sandbox.previews.createIfNotExists({ metadata: { name: 'web' }, spec: { port: 3000 } })).spec
        .url,
    ).toBe(preview.spec.url);
    await preview.delete();
    expect(await sandbox.previews.list()).toEqual([]);
    const volume = await VolumeInstance.create({ name: 'kept', size: 64, labels: { a: 'b' } }, connection());
    expect((await VolumeInstance.createIfNotExists({ name: 'kept' }, connection())).size).toBe(64);
    expect((await volume.update({ size: 128 })).size).toBe(128);
    expect((await VolumeInstance.list(connection())).map(({ metadata }) => metadata.name)).toContain('kept');
    await volume.delete();
    await sandbox.delete();
    expect((await sandbox.refresh()).status).toBe('TERMINATED');
  });
}
