import { expect, onTestFinished, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call, declarationOf, IMAGE } from '../blaxel/calls.ts';
import type { Client, DriveInstance, SandboxInstance } from './client.ts';

/** Drives (wire 1.9, 2.3), by the unmodified client. */
export function testDrives(
  server: () => TestServer,
  client: () => Client,
  drives: () => typeof DriveInstance,
): void {
  const run = async (sandbox: SandboxInstance, command: string): Promise<string> => {
    const { stdout, stderr } = await sandbox.process.exec({ command, waitForCompletion: true });
    return `${stdout}${stderr}`;
  };
  const create = async (name: string): Promise<SandboxInstance> => {
    const made = await client().create({ name, image: IMAGE, memory: 512 });
    onTestFinished(async () => void (await made.delete()));
    return made;
  };

  test('a drive is written by several sandboxes at once, which see what the others write', async () => {
    const drive = await drives().create({ name: 'common' });
    expect([drive.name, drive.status]).toEqual(['common', 'DEPLOYED']);
    await expect(drives().create({ name: 'common' })).rejects.toMatchObject({ code: 'DRIVE_ALREADY_EXISTS' });
    expect((await drives().createIfNotExists({ name: 'common' })).name).toBe('common');
    const [one, two] = [await create('drives-one'), await create('drives-two')];
    const mount = { driveName: 'common', mountPath: '/mnt/common' };
    const mounted = { driveName: 'common', drivePath: '/', mountPath: '/mnt/common', readOnly: false };
    expect(await one.drives.mount(mount)).toMatchObject({ ...mounted, success: true });
    await two.drives.mount(mount);
    expect(await two.drives.list()).toEqual([mounted]);

    await run(one, 'cd /mnt/common && mkdir d && echo one > d/f');
    expect(await run(two, 'cat /mnt/common/d/f && echo two >> /mnt/common/d/f')).toBe('one\n');
    expect(await run(one, 'cat /mnt/common/d/f && mv /mnt/common/d/f /mnt/common/g')).toBe('one\ntwo\n');
    expect(await run(two, 'ls /mnt/common && ls /mnt/common/d | wc -l')).toBe('d\ng\n0\n');

    // What it has open another one changes while it sleeps: with its memory on disk it could not go on.
    await run(one, '(sleep 1000 < /mnt/common/g) > /dev/null 2>&1 & echo $! > /tmp/reader');
    const path = '/sandboxes/drives-one/suspend';
    const suspended = await call(server(), 'POST', path, undefined, { prefer: 'wait=60' });
    expect(suspended.status).toBeLessThan(300);
    await run(two, 'echo three >> /mnt/common/g && echo new > /mnt/common/n');
    expect(await run(one, 'cat /mnt/common/g /mnt/common/n && kill -0 $(cat /tmp/reader)')).toBe(
      'one\ntwo\nthree\nnew\n',
    );

    await expect(one.drives.unmount('/mnt/common')).rejects.toThrow('/mnt/common');
    await run(one, 'kill $(cat /tmp/reader)');
    await expect(drive.delete()).rejects.toMatchObject({ code: 409 });
    await one.drives.unmount('/mnt/common');
    expect(await one.drives.list()).toEqual([]);
    expect(await run(one, 'ls /mnt/common')).toBe('');
    await two.drives.unmount('/mnt/common');
    await drive.delete();
    await expect(drives().get('common')).rejects.toMatchObject({ code: 404 });
  });

  test('a drive is no volume, and what it cannot be is refused', async () => {
    const refused = async (method: string, path: string, body?: object): Promise<number> =>
      (await call(server(), method, path, body)).status;
    const made = { metadata: { name: 'lone', externalId: 'elsewhere' }, spec: {} };
    expect(await refused('POST', '/v0/drives', made)).toBe(200);
    expect(await refused('POST', '/v0/volumes', { metadata: { name: 'disk' }, spec: { size: 16 } })).toBe(
      200,
    );
    expect(await refused('GET', '/v0/volumes/lone')).toBe(404);
    expect(await refused('DELETE', '/v0/volumes/lone')).toBe(404);
    expect(await refused('GET', '/v0/drives/disk')).toBe(404);
    expect(await refused('GET', '/v0/volumes/by-external-id/elsewhere')).toBe(404);
    expect(await refused('GET', '/v0/drives/by-external-id/elsewhere')).toBe(200);
    expect((await drives().list()).data.map(({ name }) => name)).toEqual(['lone']);
    const permissions = [{ type: 'read' }];
    expect(await refused('POST', '/v0/drives', { metadata: { name: 'p' }, spec: { permissions } })).toBe(400);
    const volumes = [{ name: 'lone', mountPath: '/mnt/lone' }];
    expect(await refused('POST', '/v0/sandboxes', declarationOf('no-drive', {}, { volumes }))).toBe(400);
    const at = '/default/sandboxes/shared/drives/mount';
    const mount = { driveName: 'lone', mountPath: '/mnt/lone' };
    for (const more of [
      { readOnly: true },
      { drivePath: '/d' },
      { uidMap: '1' },
      { mountPath: '/etc' },
      { mountPath: 'relative' },
    ])
      expect([more, await refused('POST', at, { ...mount, ...more })]).toEqual([more, 400]);
    expect(await refused('POST', at, { ...mount, driveName: 'disk' })).toBe(404);
    expect(await refused('POST', '/other/sandboxes/shared/drives/mount', mount)).toBe(404);
    expect(await refused('DELETE', `${at}/mnt%2Flone`)).toBe(404);
    expect(await refused('DELETE', '/v0/drives/lone')).toBe(200);
    expect(await refused('DELETE', '/v0/volumes/disk')).toBe(200);
  });
}
