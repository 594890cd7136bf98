import { blaxelVolumeTemplate } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { zipOf } from '../../fixtures/zip.ts';
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

  /** What an archive of these files becomes, or is refused with. */
  const upload = async (url: string, files: Record<string, string>): Promise<number> => {
    const answer = await fetch(url, { method: 'PUT', body: new Uint8Array(await zipOf(files)) });
    await answer.body?.cancel();
    return answer.status;
  };
  const urlOf = ({ status, headers }: { status: number; headers: Headers }): string => {
    expect(status).toBe(200);
    return headers.get('x-blaxel-upload-url') ?? '';
  };
  const templates = '/v0/volume_templates';
  const templateOf = (name: string, spec: object = { defaultSize: 16 }) => ({ metadata: { name }, spec });
  const readTemplate = async (name: string) =>
    blaxelVolumeTemplate.parse((await call(server(), 'GET', `${templates}/${name}`)).body);

  test('a volume begins with a version of a template, and is its own from then on', async () => {
    const first = await call(server(), 'POST', `${templates}?upload=true`, templateOf('filled'));
    expect((await readTemplate('filled')).state).toEqual({ status: 'created', versionCount: 0 });
    const early = volumes().create({ name: 'too-early', template: 'filled' });
    await expect(early).rejects.toMatchObject({ code: 'VOLUME_TEMPLATE_NOT_FOUND' });
    expect(await upload(urlOf(first), { 'deep/a.txt': 'one\n' })).toBe(200);
    expect(await upload(urlOf(first), { 'deep/a.txt': 'again\n' })).toBe(404);
    const second = await call(
      server(),
      'PUT',
      `${templates}/filled?upload=true&version=next`,
      templateOf('filled'),
    );
    expect(await upload(urlOf(second), { 'deep/a.txt': 'two\n' })).toBe(200);
    const made = await readTemplate('filled');
    expect(made.state).toMatchObject({ status: 'ready', versionCount: 2, latestVersion: 'next' });
    expect(made.versions.map(({ name, status }) => [name, status])).toEqual([
      ['next', 'READY'],
      ['1', 'READY'],
    ]);
    const old = await volumes().create({ name: 'from-one', template: 'filled:1', size: 32 });
    expect([old.size, old.spec.template]).toEqual([32, 'filled:1']);
    expect((await old.update({ labels: { k: 'v' } })).spec.template).toBe('filled:1');
    const newest = await volumes().create({ name: 'from-latest', template: 'filled' });
    expect(newest.spec.template).toBe('filled:next');
    expect((await call(server(), 'DELETE', `${templates}/filled/versions/1`)).status).toBe(200);
    expect((await call(server(), 'DELETE', `${templates}/filled`)).status).toBe(200);
    const sandbox = await client().create({
      name: 'begins-filled',
      image: IMAGE,
      memory: 512,
      volumes: [
        { name: 'from-one', mountPath: '/one' },
        { name: 'from-latest', mountPath: '/two' },
      ],
    });
    const command = 'cat /one/deep/a.txt /two/deep/a.txt && echo new > /one/deep/a.txt';
    expect((await sandbox.process.exec({ command, waitForCompletion: true })).stdout).toBe('one\ntwo\n');
    await sandbox.delete();
    await old.delete();
    await newest.delete();
  });

  test('an upload that is no version of a template says why, and leaves nothing', async () => {
    const ask = async (query = ''): Promise<string> =>
      urlOf(await call(server(), 'PUT', `${templates}/bad?upload=true${query}`, templateOf('bad')));
    expect((await call(server(), 'POST', templates, templateOf('bad'))).status).toBe(200);
    expect((await call(server(), 'POST', templates, templateOf('bad'))).status).toBe(409);
    const size = await call(server(), 'POST', templates, templateOf('tiny', { defaultSize: 1 }));
    expect(size.status).toBe(400);
    const noise = { method: 'PUT', body: 'no archive at all' };
    expect((await fetch(await ask(), noise)).status).toBe(400);
    const big = await upload(await ask(), { big: 'x'.repeat(20 * 1024 * 1024) });
    expect(big).toBe(400);
    expect((await readTemplate('bad')).state).toMatchObject({
      status: 'error',
      error: expect.stringContaining('do not fit into the 16 MB'),
    });
    const former = await ask();
    expect(await upload(await ask('&version=v1'), { a: '1' })).toBe(200);
    expect(await upload(former, { a: '2' })).toBe(404);
    for (const version of ['v1', 'latest', '..%2F'])
      expect(
        (await call(server(), 'PUT', `${templates}/bad?upload=true&version=${version}`, templateOf('bad')))
          .status,
      ).toBe(version === 'v1' ? 409 : 400);
    expect((await readTemplate('bad')).versions.map(({ name }) => name)).toEqual(['v1']);
    expect((await call(server(), 'DELETE', `${templates}/bad`)).status).toBe(200);
    expect((await call(server(), 'GET', `${templates}/bad`)).status).toBe(404);
  });

  test('a volume is found by what another system calls it', async () => {
    const body = { metadata: { name: 'known-elsewhere', externalId: 'ticket-7' }, spec: { size: 16 } };
    expect((await call(server(), 'POST', '/v0/volumes', body)).status).toBe(200);
    const found = await call(server(), 'GET', '/v0/volumes/by-external-id/ticket-7');
    expect(found.body).toMatchObject({ metadata: { name: 'known-elsewhere', externalId: 'ticket-7' } });
    expect((await call(server(), 'GET', '/v0/volumes/by-external-id/ticket-8')).status).toBe(404);
    await volumes().delete('known-elsewhere');
  });

  test('what other products have is an empty list', async () => {
    const page = await call(server(), 'GET', '/v0/agents');
    expect([page.status, page.body]).toEqual([200, { data: [], meta: { hasMore: false, total: 0 } }]);
    expect((await call(server(), 'GET', '/v0/templates')).body).toEqual([]);
    expect((await call(server(), 'GET', '/v0/agents/mine')).status).toBe(404);
  });
}
