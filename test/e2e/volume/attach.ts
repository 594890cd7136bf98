import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { call, sandboxCalls } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { snapshotCalls } from '../../fixtures/snapshot-calls.ts';
import { at, volumeCalls } from '../../fixtures/volume-calls.ts';

const isLong = { timeout: 180_000 };

/** What a server leaves that is killed once it has written what it is about to mount. */
function leaveCutAttach(
  { dataDir }: TestServer,
  sandboxId: string,
  volume: { volumeId: string; name: string; mountPath: string },
): void {
  const database = new DatabaseSync(join(dataDir, 'atoll.db'));
  const added = JSON.stringify({ ...volume, isReadonly: false, lateId: 'abcdefgh', isUnsettled: true });
  database
    .prepare(
      `UPDATE sandboxes SET operation = 'attach', volumes = json_insert(volumes, '$[#]', json(?)) WHERE id = ?`,
    )
    .run(added, sandboxId);
  database
    .prepare(
      'INSERT INTO volume_attachments (sandbox_id, mount_path, volume_id, read_only) VALUES (?, ?, ?, 0)',
    )
    .run(sandboxId, volume.mountPath, volume.volumeId);
  database.close();
}

/** Volumes that come and go while their sandbox runs. */
export function testAttaching(server: () => TestServer, driver: string): void {
  const { make, remove, show, start, refused, attach, detach, end } = volumeCalls(server);
  const snapshots = snapshotCalls(server);

  test(
    'come and go while a sandbox runs, and stay over its sleep, a rollback and a killed server',
    isLong,
    async () => {
      const id = await make('late');
      const books = await make('books');
      const box = await start([], { name: 'roamer' });
      const { id: snapshotId } = await snapshots.take(box.id);
      const shown = { file_system_id: id, mount_path: '/srv/of/late' };
      expect(await attach(box.id, shown)).toMatchObject({ status: 200, body: { file_systems: [shown] } });
      expect((await attach('roamer', { file_system_id: books, mount_path: '/srv/of' })).body).toMatchObject({
        code: 'invalid_request',
      });
      const library = { file_system_id: books, mount_path: '/mnt/books', read_only: true };
      expect((await attach(box.id, library)).body).toMatchObject({ file_systems: [shown, library] });
      const script = `echo one > /srv/of/late/file; df -m --output=size /srv/of/late | tail -1
      touch /mnt/books/x 2>&1; sudo mknod /srv/of/late/disk b 7 0; sudo cat /srv/of/late/disk 2>&1 | head -c 100
      sudo touch /.atoll/mounts/mine 2>&1 | grep -c 'cannot touch'`;
      expect((await box.run(script)).output).toMatch(
        /^\s*[23]\d\n.*Read-only.*\n.*(?:not permitted|denied|No such).*/s,
      );
      expect(await refused([at(id)])).toMatchObject({ code: 'volume_in_use' });

      const cut = await make('cut');
      await server().kill9();
      leaveCutAttach(server(), box.id, { volumeId: cut, name: 'cut', mountPath: '/srv/cut' });
      await server().restart();
      expect(await show('cut')).toMatchObject({
        attached_to: [{ sandbox_id: box.id, mount_path: '/srv/cut' }],
      });
      expect((await box.run('echo three > /srv/cut/file')).exit.exit_code).toBe(0);
      expect((await detach(box.id, '/srv/cut')).body).toMatchObject({ file_systems: [shown, library] });
      expect((await remove(cut)).status).toBe(204);
      expect((await box.run('cat /srv/of/late/file')).output).toBe('one');
      const worker = await box.call('/api/v1/processes', {
        body: { command: 'sleep', args: ['600'], working_dir: '/srv/of/late' },
      });
      const { pid } = worker.body as { pid: number }; // wire 2.2
      const kept = await detach(box.id, '/srv/of/late');
      expect(kept).toMatchObject({ status: 409, body: { code: 'volume_in_use' } });
      // On the host's kernel the agent may not look into processes of others.
      if (driver === 'gvisor') expect(JSON.stringify(kept.body)).toContain(`process ${pid}`);
      expect((await detach(box.id, '/elsewhere')).body).toMatchObject({ code: 'volume_not_found' });

      await call(server(), '/sandboxes/roamer/suspend', { method: 'POST', headers: { prefer: 'wait=60' } });
      expect((await call(server(), '/sandboxes/roamer')).body).toMatchObject({ status: 'suspended' });
      expect((await box.run(`ls -l /proc/${pid}/cwd; cat /srv/of/late/file`)).output).toMatch(/late\none$/);
      await call(server(), '/sandboxes/roamer/rollback', { body: { snapshot_id: snapshotId } });
      expect((await box.run('cat /srv/of/late/file; ls /mnt/books')).output).toBe('one');
      expect((await call(server(), '/sandboxes/roamer')).body).toMatchObject({
        file_systems: [shown, library],
      });

      expect((await detach(box.id, '/srv/of/late')).body).toMatchObject({ file_systems: [library] });
      expect((await box.run('ls /srv/of/late; ls /.atoll/mounts 2>/dev/null | wc -l')).output).toMatch(
        /^\d$/,
      );
      const other = await start([at(id)]);
      expect((await other.run('cat /mnt/data/file; echo two > /mnt/data/file')).output).toBe('one');
      expect((await attach(box.id, shown)).body).toMatchObject({ code: 'volume_in_use' });
      await end(other.id);
      expect((await attach(box.id, { ...shown, mount_path: '/again' })).status).toBe(200);
      expect((await box.run('cat /again/file')).output).toBe('two');
      await end(box.id);
      for (const volume of [id, books]) expect((await remove(volume)).status).toBe(204);
      await call(server(), `/snapshots/${snapshotId}`, { method: 'DELETE' });
    },
  );

  const suspend = (id: string) =>
    call(server(), `/sandboxes/${id}/suspend`, { method: 'POST', headers: { prefer: 'wait=60' } });

  test(
    'come one after the other however they are asked for, also while their sandbox falls asleep',
    isLong,
    async () => {
      const names = ['one', 'two', 'three'];
      for (const name of names) await make(name);
      const box = await start([], { name: 'asked' });
      const [slept, ...made] = await Promise.all([
        suspend(box.id),
        ...names.map((name) => attach(box.id, at(name, { mount_path: `/mnt/${name}` }))),
      ]);
      expect(made.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect([200, 202, 409]).toContain(slept.status);
      expect(
        (await box.run('for each in one two three; do echo $each > /mnt/$each/file; done')).exit,
      ).toEqual(expect.objectContaining({ exit_code: 0 }));
      await suspend(box.id);
      const gone = await Promise.all(names.map((name) => detach(box.id, `/mnt/${name}`)));
      expect(gone.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect((await box.run('ls /mnt/one /mnt/two /mnt/three | grep -c file')).output).toBe('0');
      // Whatever comes first, the end is the sandbox's, and the volume nobody's.
      const [late] = await Promise.all([attach(box.id, at('one')), end(box.id)]);
      expect([200, 404, 409, 410]).toContain(late.status);
      for (const name of names) expect((await remove(name)).status).toBe(204);
    },
  );

  test('go from where they are by now, or stay whole', isLong, async () => {
    for (const name of ['linked', 'moved']) await make(name);
    const box = await start([]);
    await box.run('sudo mkdir -p /srv/real /srv/a && sudo ln -s real /srv/link');
    expect((await attach(box.id, at('linked', { mount_path: '/srv/link' }))).status).toBe(200);
    expect((await attach(box.id, at('moved', { mount_path: '/srv/a/data' }))).status).toBe(200);
    await box.run('echo mine > /srv/real/file; sudo mv /srv/a /srv/b; echo mine > /srv/b/data/file');
    expect((await detach(box.id, '/srv/link')).status).toBe(200);
    const moved = await detach(box.id, '/srv/a/data');
    // The kernel of gVisor does not tell where a mount is.
    if (driver === 'gvisor') {
      expect(moved.body).toMatchObject({ code: 'volume_in_use' });
      expect((await box.run('cat /srv/b/data/file')).output).toBe('mine');
      await box.run('sudo mv /srv/b /srv/a');
      expect((await detach(box.id, '/srv/a/data')).status).toBe(200);
    } else expect(moved.status).toBe(200);
    expect((await box.run('ls -A /srv/real /srv/*/data')).output).not.toContain('file');
    const other = await start(['linked', 'moved'].map((name) => at(name, { mount_path: `/mnt/${name}` })));
    expect((await other.run('cat /mnt/*/file')).output).toBe('mine\nmine');
    await Promise.all([end(box.id), end(other.id)]);
  });

  test.runIf(driver === 'gvisor')(
    'go along with a copy of the memory where they are only read, and else keep it from being taken',
    isLong,
    async () => {
      for (const name of ['read', 'written']) await make(name);
      const filler = await start([at('read')]);
      await filler.run('echo book > /mnt/data/book');
      await end(filler.id);
      const box = await start([], { name: 'source' });
      const library = at('read', { mount_path: '/mnt/library', read_only: true });
      await attach(box.id, library);
      await attach(box.id, at('written'));
      await box.run('(exec 3</mnt/library/book; sleep 600) >/dev/null 2>&1 & echo one > /mnt/data/file');
      const copy = () => call(server(), `/sandboxes/${box.id}/copy`, { method: 'POST' });
      const memory = { snapshot_type: 'memory' };
      expect((await copy()).body).toMatchObject({ code: 'volume_in_use' });
      expect((await snapshots.begin(box.id, memory)).body).toMatchObject({ code: 'unsupported' });
      const files = await snapshots.take(box.id);
      const plain = await start([], { snapshot_id: files.id });
      expect((await plain.run('ls /mnt/data /mnt/library | wc -w')).output).toBe('2');

      expect((await detach(box.id, '/mnt/data')).status).toBe(200);
      const made = (await copy()).body as { sandboxes: { sandbox_id: string }[] }; // wire 1.4
      const copied = sandboxCalls(server(), made.sandboxes[0]?.sandbox_id ?? '');
      const copyId = made.sandboxes[0]?.sandbox_id ?? '';
      expect((await copied.run('cat /mnt/library/book; ls /mnt/data')).output).toBe('book');
      expect((await copied.run('pkill sleep; true')).exit.exit_code).toBe(0);
      expect((await detach(copyId, '/mnt/library')).status).toBe(200);
      expect((await box.run('cat /mnt/library/book')).output).toBe('book');
      await box.run('pkill sleep');
      expect((await detach(box.id, '/mnt/library')).status).toBe(200);

      const taken = await snapshots.take(box.id, memory);
      expect(taken).toMatchObject({ status: 'completed' });
      const from = await start([], { snapshot_id: taken.id });
      expect((await attach(from.id, library)).status).toBe(200);
      expect((await from.run('cat /mnt/library/book')).output).toBe('book');
      await Promise.all([box.id, plain.id, copyId, from.id].map(end));
      for (const { id } of [files, taken]) await snapshots.remove(id);
      for (const name of ['read', 'written']) expect((await remove(name)).status).toBe(204);
    },
  );
}
