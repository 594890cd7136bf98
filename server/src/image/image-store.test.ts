import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tarball, writeLayout } from '../../../test/fixtures/image-layout.ts';
import { named, openStore } from '../../../test/fixtures/image-store.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import type { ImportRequest } from './image-store.ts';

/** A store with a function that registers an image whose label `mark` tells it apart. */
async function storeWithImages() {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'), { canUnpack: false });
  const register = async (
    mark: string,
    request: Partial<ImportRequest>,
    settings: Record<string, unknown> = {},
  ) => {
    const layoutDir = join(dir, mark);
    await writeLayout(layoutDir, {
      layers: [{ tar: tarball([]) }],
      settings: { Labels: { mark }, ...settings },
    });
    return store.importLayout({ ...named('app', layoutDir), ...request });
  };
  const markOf = (ref: string, workspaceId = 'w1') => store.resolve(workspaceId, ref).config.labels['mark'];
  return { dir, store, register, markOf };
}

const base = (repository: string) => ({ workspaceId: 'tensorlake', repository, isPublic: true });

describe('a name means', () => {
  test('the workspace’s own image first, then the base image, then a public one', async () => {
    const { register, markOf } = await storeWithImages();
    await register('base', base('ubuntu-minimal'));
    await register('public', { workspaceId: 'w2', repository: 'tool', isPublic: true });
    expect([markOf('ubuntu-minimal'), markOf('tensorlake/ubuntu-minimal'), markOf('tool')]).toEqual([
      'base',
      'base',
      'public',
    ]);
    await register('own', { repository: 'ubuntu-minimal' });
    await register('own-tool', { repository: 'tool' });
    expect([markOf('ubuntu-minimal'), markOf('tensorlake/ubuntu-minimal'), markOf('tool')]).toEqual([
      'own',
      'base',
      'own-tool',
    ]);
    expect(markOf('tool', 'w3')).toBe('public');
  });

  test('its newest image; older ones stay reachable by id', async () => {
    const { register, markOf, store } = await storeWithImages();
    const { id } = await register('old', {});
    await register('new', {});
    expect([markOf('app'), markOf(id)]).toEqual(['new', 'old']);
    expect(store.describe('w1', id).name).toBe(id);
  });

  test('nothing in a workspace that may not see it', async () => {
    const { register, store } = await storeWithImages();
    const { id } = await register('private', {});
    expect(() => store.resolve('w2', 'app')).toThrow('image not found: app');
    expect(() => store.resolve('w2', id)).toThrow('image not found');
  });

  test('one of its tags', async () => {
    const { register, markOf, store } = await storeWithImages();
    await register('one', { tag: '1.0' });
    await register('latest', {});
    expect([markOf('app:1.0'), markOf('app:latest'), markOf('app')]).toEqual(['one', 'latest', 'latest']);
    expect(store.lists.page('w1').images.map(({ name }) => name)).toEqual(['app:1.0', 'app']);
  });
});

test.each([
  ['bad', 'atoll image ls'],
  ['python:3.12-slim', 'atoll sbx image import python:3.12-slim'],
  ['ghcr.io/org/app@sha256:00', 'atoll sbx image import'],
  ['', 'atoll image ls'],
  ['UPPER case', 'atoll image ls'],
])('the unknown image %j is refused with what to do', async (ref, hint) => {
  const { store } = await storeWithImages();
  try {
    store.resolve('w1', ref);
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: 'image_not_found', message: `image not found: ${ref}` });
    expect(error).toHaveProperty('hint', expect.stringContaining(hint));
  }
});

describe('registering', () => {
  test('the same image again changes nothing', async () => {
    const { register } = await storeWithImages();
    const first = await register('same', {});
    expect(await register('same', {})).toEqual(first);
  });

  test('without saying so keeps a name public or private', async () => {
    const { register } = await storeWithImages();
    expect(await register('new', { isPublic: undefined })).toMatchObject({ isPublic: false });
    expect(await register('shown', { isPublic: true })).toMatchObject({ isPublic: true });
    expect(await register('again', { isPublic: undefined })).toMatchObject({ isPublic: true });
    expect(await register('hidden', { isPublic: false })).toMatchObject({ isPublic: false });
    expect(await register('still', { isPublic: undefined })).toMatchObject({ isPublic: false });
  });

  test('never makes private tags public along with another one', async () => {
    const { register, store } = await storeWithImages();
    const { id } = await register('internal', { tag: 'internal' });
    await expect(register('demo', { tag: 'demo', isPublic: true })).rejects.toThrow('tags too: app:internal');
    expect(() => store.verifyRegistration('w1', 'app:demo', true)).toThrow('tags too: app:internal');
    expect(() => store.resolve('w2', id)).toThrow('image not found');
    store.remove('w1', 'app:internal');
    expect(await register('demo', { tag: 'demo', isPublic: true })).toMatchObject({ isPublic: true });
    expect(await register('more', { tag: 'more', isPublic: true })).toMatchObject({ isPublic: true });
  });

  test('refuses a public name of another workspace', async () => {
    const { register } = await storeWithImages();
    await register('first', { workspaceId: 'w2', isPublic: true });
    await expect(register('second', { isPublic: true })).rejects.toMatchObject({ code: 'conflict' });
    await register('base', base('ubuntu-minimal'));
    const public_ = register('third', { repository: 'ubuntu-minimal', isPublic: true });
    await expect(public_).rejects.toMatchObject({ code: 'conflict' });
  });

  test.each(['tensorlake/x', 'blaxel/x', 'Upper', 'a//b', '../a', 'a:b', '-a', 'a'.repeat(256), ''])(
    'refuses the name %j',
    async (repository) => {
      const { register } = await storeWithImages();
      await expect(register('image', { repository })).rejects.toHaveProperty('status');
    },
  );

  test('works without the right to unpack', async () => {
    const { register, store } = await storeWithImages();
    await register('image', { base: 'Debian 13 (trixie)' });
    expect(store.describe('w1', 'app')).toMatchObject({
      name: 'app',
      layerCount: 1,
      base: 'Debian 13 (trixie)',
    });
  });
});

describe('processes run', () => {
  const labels = { 'dev.atoll.user': 'tl-user', 'dev.atoll.workdir': '/workspace' };
  test.each([
    ['as root in / by default', {}, 'root', '/'],
    ['as the labels say', { Labels: labels }, 'tl-user', '/workspace'],
    ['as an explicit USER and WORKDIR say', { Labels: labels, User: 'root', WorkingDir: '/' }, 'root', '/'],
    ['with one of each', { Labels: labels, User: '1000:1000', WorkingDir: '' }, '1000:1000', '/workspace'],
  ])('%s', async (_, settings, user, workdir) => {
    const { register, store } = await storeWithImages();
    await register('image', {}, settings);
    expect(store.resolve('w1', 'app')).toMatchObject({ runtimeUser: user, runtimeWorkdir: workdir });
  });

  test('with the environment of the config', async () => {
    const { register, store } = await storeWithImages();
    await register('image', {}, { Env: ['A=1=2', 'EMPTY=', 'B=x y'] });
    expect(store.resolve('w1', 'app').env).toEqual({ A: '1=2', EMPTY: '', B: 'x y' });
  });
});

describe('a catalog', () => {
  test('imports every image once and says what stands in for what', async () => {
    const { dir, store } = await storeWithImages();
    await writeLayout(join(dir, 'images', 'debian'), { layers: [{ tar: tarball([]) }] });
    const stand = { substitutedFor: 'Ubuntu 24.04', reason: 'no registry' };
    const images = [
      { name: 'tensorlake/debian-minimal', layout: 'debian', base: 'Debian 13 (trixie)' },
      { name: 'tensorlake/ubuntu-minimal', layout: 'debian', base: 'Debian 13 (trixie)', ...stand },
    ];
    await writeFile(join(dir, 'images', 'catalog.json'), JSON.stringify({ images }));
    const first = await store.importCatalog(dir);
    expect(await store.importCatalog(dir)).toEqual(first);
    expect(store.describe('w1', 'ubuntu-minimal')).toMatchObject({
      name: 'tensorlake/ubuntu-minimal',
      isPublic: true,
      substitutedFor: 'Ubuntu 24.04',
      substitutionReason: 'no registry',
    });
  });

  test('that is missing or names a folder elsewhere is refused', async () => {
    const { dir, store } = await storeWithImages();
    await expect(store.importCatalog(dir)).rejects.toThrow('catalog.json is missing');
    await mkdir(join(dir, 'images'));
    const images = [{ name: 'tensorlake/x', layout: '../x', base: '' }];
    await writeFile(join(dir, 'images', 'catalog.json'), JSON.stringify({ images }));
    await expect(store.importCatalog(dir)).rejects.toThrow('images.0.layout');
  });
});
