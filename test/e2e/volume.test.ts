import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxClient } from '@atoll/sdk';
import type { FileSystemMount } from '@atoll/sdk';
import { describe, expect, onTestFinished, test } from 'vitest';
import { call, sandboxCalls } from '../fixtures/api.ts';
import { collect } from '../fixtures/collect.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { at, volumeCalls, volumesPath } from '../fixtures/volume-calls.ts';
import { testAttaching } from './volume/attach.ts';

describeOnEachDriver('volumes', (server, driver) => {
  const { make, remove, show, start, refused, detach, end } = volumeCalls(server);

  test('what is written outlives the sandbox, up to the size of the volume, and the host gets no device', async () => {
    const id = await make('kept', { labels: { team: 'blue' }, description: 'of the test' });
    const first = await start([at('kept')]);
    const script = `echo hello > /mnt/data/greeting && mkdir /mnt/data/mine && sudo chown 12:34 /mnt/data/mine
      sudo mknod /mnt/data/disk b 7 0 2>/dev/null; sudo cat /mnt/data/disk 2>&1 | head -c 100
      dd if=/dev/zero of=/mnt/data/full bs=1M count=64 2>&1 | grep -o 'No space left'; rm /mnt/data/full`;
    expect((await first.run(script)).output).toContain('No space left');
    expect(await show('kept')).toMatchObject({
      id,
      size_mb: 32,
      labels: { team: 'blue' },
      attached_to: [{ sandbox_id: first.id, mount_path: '/mnt/data', read_only: false }],
    });
    expect((await call(server(), `/sandboxes/${first.id}`)).body).toMatchObject({
      file_systems: [{ file_system_id: id, mount_path: '/mnt/data' }],
    });
    await end(first.id);
    expect(await show(id)).toMatchObject({ attached_to: [] });
    const second = await start([at(id, { mount_path: '/srv/a/new/place' })]);
    const { output } = await second.run('cd /srv/a/new/place && cat greeting && stat -c %u:%g mine');
    expect(output).toBe('hello\n12:34');
    await end(second.id);
    expect((await remove(id)).status).toBe(204);
    expect(readdirSync(join(server().dataDir, 'volume'))).not.toContain(`${id}.img`);
    expect(await show(id)).toMatchObject({ code: 'volume_not_found' });
  });

  test('has one writer or many readers, and is not deleted while somebody has it', async () => {
    const id = await make('shared');
    const writer = await start([at(id)]);
    await writer.run('echo one > /mnt/data/file');
    expect(await refused([at(id)])).toMatchObject({ code: 'volume_in_use' });
    expect(await refused([at(id, { read_only: true })])).toMatchObject({ code: 'volume_in_use' });
    expect((await remove(id)).body).toMatchObject({ code: 'volume_in_use' });
    const taken = await call(server(), `${volumesPath}/shared/snapshots`, {
      body: { description: 'before' },
    });
    expect(taken).toMatchObject({ status: 200, body: { status: 'ready', file_system_id: id } });
    const { id: snapshotId } = taken.body as { id: string };
    await writer.run('echo two > /mnt/data/file; sync');
    await end(writer.id);

    const reader = await start([at(id, { read_only: true })]);
    const pinned = await start([at(id, { snapshot_id: snapshotId })]);
    expect((await reader.run('cat /mnt/data/file; touch /mnt/data/x 2>&1')).output).toMatch(
      /^two\n.*Read-only/,
    );
    expect((await pinned.run('cat /mnt/data/file; touch /mnt/data/x 2>&1')).output).toMatch(
      /^one\n.*Read-only/,
    );
    expect(await refused([at(id)])).toMatchObject({ code: 'volume_in_use' });
    const snapshot = `/platform/v1/file-system-snapshots/${snapshotId}`;
    expect((await call(server(), snapshot, { method: 'DELETE' })).body).toMatchObject({
      code: 'volume_in_use',
    });
    await Promise.all([end(reader.id), end(pinned.id)]);

    const grown = await make('grown', { snapshot_id: snapshotId, size_mb: 64 });
    expect((await remove(id)).status).toBe(204);
    const again = await start([at(grown)]);
    const { output } = await again.run('cat /mnt/data/file; df -m --output=size /mnt/data | tail -1');
    expect(output).toMatch(/^one\n\s*(?:4\d|5\d|6\d)$/);
    const grow = (size_mb: number) =>
      call(server(), `${volumesPath}/grown`, { method: 'PATCH', body: { size_mb } });
    expect((await grow(96)).body).toMatchObject({ code: 'volume_in_use' });
    await end(again.id);
    expect((await grow(32)).body).toMatchObject({ code: 'invalid_resources' });
    expect((await grow(96)).body).toMatchObject({ size_mb: 96 });
    const last = await start([at(grown)]);
    expect((await last.run('cat /mnt/data/file; df -m --output=size /mnt/data | tail -1')).output).toMatch(
      /^one\n\s*(?:7\d|8\d|9\d)$/,
    );
    await end(last.id);
    expect((await call(server(), snapshot, { method: 'DELETE' })).status).toBe(204);
  });

  test('mounts nothing where the runtime lives, nor outside of the sandbox', async () => {
    const id = await make('placed');
    for (const mount_path of [
      'data',
      '/',
      '/proc/x',
      '/.atoll',
      '/dev/shm',
      '/etc',
      '/a/../b',
      '/a//b',
      '/a:b',
    ])
      expect(await refused([at(id, { mount_path })])).toMatchObject({ code: 'invalid_request' });
    for (const other of ['/mnt/data', '/mnt'])
      expect(await refused([at(id), at(id, { mount_path: other })])).toMatchObject({
        code: 'invalid_request',
      });
    expect(await refused([at(id, { owner: '1001' })])).toMatchObject({ code: 'unsupported' });
    const writable = at(id, { snapshot_id: 'any', read_only: false });
    expect(await refused([writable])).toMatchObject({ code: 'invalid_request' });
    expect(await refused([at('none')])).toMatchObject({ code: 'volume_not_found' });
    // In the image a link to /run, which the host has as well.
    const mount_path = '/var/run/of-a-volume';
    const made = await call(server(), '/sandboxes', { body: { file_systems: [at(id, { mount_path })] } });
    expect(existsSync('/run/of-a-volume')).toBe(false);
    if (driver === 'gvisor') expect(made.body).toMatchObject({ code: 'invalid_request' });
    else await end((made.body as { sandbox_id: string }).sandbox_id); // wire 1.4
    expect(await show(id)).toMatchObject({ attached_to: [] });
    const running = await start([at(id)]);
    expect((await detach(running.id, '/mnt/data')).body).toMatchObject({ code: 'unsupported' });
    await end(running.id);
  });

  const isLong = { timeout: 180_000 };

  describe('that are attached', () => testAttaching(server, driver));

  // The same on every driver.
  const testOnce = test.runIf(driver === 'gvisor');

  testOnce('are seen by their workspace alone', async () => {
    const id = await make('private');
    const snapshot = (await call(server(), `${volumesPath}/${id}/snapshots`, { body: {} })).body as {
      id: string;
    };
    const account = { name: 'other', workspace: 'other-space', ownerName: 'Other' };
    const { apiKey } = (await call(server(), '/v1/accounts', { body: account })).body as { apiKey: string };
    const theirs = { url: server().url, apiKey };
    expect((await call(theirs, volumesPath)).body).toMatchObject({ items: [] });
    const gone = { status: 404, body: { code: 'volume_not_found' } };
    expect(await call(theirs, `${volumesPath}/${id}`)).toMatchObject(gone);
    expect(await call(theirs, `${volumesPath}/${id}`, { method: 'DELETE' })).toMatchObject(gone);
    expect(await call(theirs, `${volumesPath}/${id}/snapshots`, { body: {} })).toMatchObject(gone);
    expect((await call(theirs, `${volumesPath}/${id}/snapshots`)).body).toEqual({ items: [] });
    expect(await call(theirs, '/sandboxes', { body: { file_systems: [at(id)] } })).toMatchObject(gone);
    const from = { name: 'stolen', snapshot_id: snapshot.id };
    expect((await call(theirs, volumesPath, { body: from })).body).toMatchObject({
      code: 'volume_snapshot_not_found',
    });
    expect((await call(theirs, `/platform/v1/file-system-snapshots/${snapshot.id}`)).status).toBe(404);
  });

  testOnce('are made, shown, changed, mounted and deleted by `atoll fs`', isLong, async () => {
    const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
    const cli = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await runCli(args, { env });
      return `${exitCode} ${stdout}${stderr}`;
    };
    expect(await cli('fs', 'create', 'by-hand', '--size', '32', '--label', 'a=b')).toMatch(/^0 file_system_/);
    const mount = ['-f', 'by-hand:/mnt/hand'];
    const id = (await cli('sbx', 'create', '-m', '256', '--disk', '256', ...mount)).slice(2).trim();
    expect(await cli('fs', 'describe', 'by-hand')).toMatch(
      new RegExp(`Labels: +a=b[^]*Attached to: +${id} at /mnt/hand`),
    );
    expect(await cli('sbx', 'describe', id)).toMatch(/File systems: +file_system_\w+:\/mnt\/hand/);
    expect(await cli('fs', 'create', 'later', '--size', '32')).toMatch(/^0 /);
    expect(await cli('fs', 'attach', id, 'later:/mnt/later:ro')).toBe(`0 ${id}\n`);
    expect(await cli('fs', 'detach', id, '/mnt/later')).toBe(`0 ${id}\n`);
    expect(await cli('fs', 'detach', id, '/mnt/hand')).toMatch(/^1 .*from its create to its end/);
    expect(await cli('fs', 'rm', 'later')).toBe('0 later\n');
    expect(await cli('fs', 'rm', 'by-hand')).toMatch(/^1 .*has it/);
    await cli('sbx', 'terminate', id);
    const snapshot = /fs_snapshot_\w+/.exec(await cli('fs', 'snapshot', 'by-hand'))?.[0] ?? '';
    expect(await cli('fs', 'snapshot', 'ls', 'by-hand')).toContain(snapshot);
    expect(await cli('fs', 'update', 'by-hand', '--size', '48', '--name', 'renamed')).toBe('0 renamed\n');
    expect(await cli('fs', 'ls')).toMatch(/renamed\tfile_system_\w+\t48 MB\t/);
    expect(await cli('fs', 'rm', 'renamed')).toBe('0 renamed\n');
    expect(await cli('fs', 'snapshot', 'rm', snapshot)).toBe(`0 ${snapshot}\n`);
    expect(await cli('sbx', 'create', '-f', 'nonsense')).toMatch(/^2 /);
  });

  testOnce('are read by the sandboxes of pools, which nobody writes under', async () => {
    const id = await make('shelf');
    const writer = await start([at(id)]);
    await writer.run('echo book > /mnt/data/book');
    await end(writer.id);
    const client = new SandboxClient({ apiUrl: server().url, apiKey: server().apiKey });
    const mount = { fileSystemId: 'shelf', mountPath: '/mnt/data' };
    const pool = { memoryMb: 256, ephemeralDiskMb: 256, warmContainers: 1 };
    const pooled = (fileSystems: FileSystemMount[]) => client.createPool({ ...pool, fileSystems });
    await expect(pooled([mount])).rejects.toMatchObject({ statusCode: 400, code: 'unsupported' });
    await expect(pooled([{ ...mount, fileSystemId: 'none', readOnly: true }])).rejects.toMatchObject({
      code: 'volume_not_found',
    });
    const { poolId } = await pooled([{ ...mount, readOnly: true }]);
    // After the sandbox that is claimed.
    onTestFinished(() => client.deletePool(poolId).catch(() => {}));
    const shown = { fileSystemId: id, mountPath: '/mnt/data', readOnly: true };
    expect(await client.getPool(poolId)).toMatchObject({ fileSystems: [shown] });
    await expect
      .poll(async () => (await client.getPool(poolId)).containers?.length, { timeout: 30_000 })
      .toBe(1);
    expect(await refused([at(id)])).toMatchObject({ code: 'volume_in_use' });
    expect((await remove(id)).body).toMatchObject({ code: 'volume_in_use' });
    const claimed = await client.claimAndConnect(poolId);
    onTestFinished(() => claimed.terminate());
    const { stdout, exitCode } = await claimed.run('sh', ['-c', 'cat /mnt/data/book; touch /mnt/data/mine']);
    expect([stdout.trim(), exitCode]).toEqual(['book', 1]);
    expect(await claimed.info()).toMatchObject({ fileSystems: [shown] });
    const printed = async () => (await claimed.getLogs({ levels: ['info'], body: 'book' })).logs;
    await expect.poll(printed, { timeout: 30_000 }).toMatchObject([{ body: 'book' }]);
    expect(await claimed.listLogProcesses()).toMatchObject([{ command: expect.stringContaining('sh') }]);
    await claimed.terminate();
    const followed = await collect(claimed.followLogs({ levels: ['info'] }));
    expect(followed.map(({ body }) => body)).toEqual(['book']);
    await client.deletePool(poolId);
    expect((await remove(id)).status).toBe(204);
  });

  test('is kept over a killed server, which lets writers go on that a snapshot had stopped', async () => {
    const id = await make('steady');
    const running = await start([at(id)]);
    await running.run('echo before > /mnt/data/file');
    execFileSync('fsfreeze', ['--freeze', join('/run/atoll', server().instanceId, 'volume', id)]);
    const stray = join(server().dataDir, 'volume', 'file_system_stray.img');
    writeFileSync(stray, '');
    await server().kill9();
    await server().restart();
    expect(existsSync(stray)).toBe(false);
    const script = 'cat /mnt/data/file; echo after > /mnt/data/file; cat /mnt/data/file';
    expect((await sandboxCalls(server(), running.id).run(script)).output).toBe('before\nafter');
    expect(await refused([at(id)])).toMatchObject({ code: 'volume_in_use' });
    await end(running.id);
    expect((await remove(id)).status).toBe(204);
  });

  test.runIf(driver === 'gvisor')(
    'stays attached while its sandbox sleeps, and is copied by nobody',
    async () => {
      const id = await make('asleep');
      const library = await make('library');
      const filler = await start([at(library)]);
      await filler.run('echo book > /mnt/data/book');
      await end(filler.id);
      const books = at(library, { mount_path: '/mnt/library', read_only: true });
      const box = await start([at(id), books], { name: 'sleeper' });
      await box.run(
        '(exec 3>>/mnt/data/log; while sleep 0.2; do echo tick >&3; done) & echo one > /mnt/data/file',
      );
      expect((await call(server(), '/sandboxes/sleeper/copy', { method: 'POST' })).body).toMatchObject({
        code: 'volume_in_use',
      });
      const memory = { body: { snapshot_type: 'memory' } };
      expect((await call(server(), '/sandboxes/sleeper/snapshot', memory)).body).toMatchObject({
        code: 'unsupported',
      });
      await call(server(), '/sandboxes/sleeper/suspend', { method: 'POST' });
      await expect
        .poll(async () => (await call(server(), '/sandboxes/sleeper')).body, {
          timeout: 30_000,
          interval: 200,
        })
        .toMatchObject({ status: 'suspended' });
      expect(await refused([at(id)])).toMatchObject({ code: 'volume_in_use' });
      expect((await remove(id)).body).toMatchObject({ code: 'volume_in_use' });
      const { output } = await box.run(
        'cat /mnt/data/file /mnt/library/book; tail -n1 -f /mnt/data/log | head -n2',
      );
      expect(output).toBe('one\nbook\ntick\ntick');
      const reader = await start([books]);
      const copied = await call(server(), `/sandboxes/${reader.id}/copy`, { method: 'POST' });
      expect(copied.status).toBe(200);
      const { sandboxes } = copied.body as { sandboxes: { sandbox_id: string }[] }; // wire 1.4
      const copy = sandboxes[0]?.sandbox_id ?? '';
      expect((await sandboxCalls(server(), copy).run('cat /mnt/library/book')).output).toBe('book');
      await Promise.all([box.id, reader.id, copy].map(end));
    },
  );
});
