import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tarball, writeLayout } from '../../../test/fixtures/image-layout.ts';
import { named, openStore } from '../../../test/fixtures/image-store.ts';
import { writeRecipes } from '../../../test/fixtures/recipes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { findBaseImage } from './base-image.ts';

test('a base that is built on demand is built first, and the log says so', async () => {
  const dir = await tempDir();
  const recipes = await writeRecipes(dir, ['desk']);
  const images = await openStore(join(dir, 'data'), { canUnpack: false, recipes: recipes.options });
  const messages: string[] = [];
  const options = {
    images,
    workspaceId: 'w1',
    buildId: 'build-1',
    signal: AbortSignal.timeout(20_000),
    onMessage: (message: string) => void messages.push(message),
  };
  const base = await findBaseImage(options, 'desk');
  expect(base.manifestDigest).toBe(images.resolve('w1', 'tensorlake/desk').manifestDigest);
  await findBaseImage(options, 'tensorlake/desk');
  expect(messages).toEqual([expect.stringContaining('building tensorlake/desk first')]);
  expect(await recipes.builds()).toHaveLength(1);
});

test('a public name of another workspace never stands in for an image of a registry', async () => {
  const dir = await tempDir();
  const images = await openStore(join(dir, 'data'), { canUnpack: false });
  const layout = join(dir, 'layout');
  await writeLayout(layout, { layers: [{ tar: tarball([]) }] });
  const publish = (repository: string, tag = 'latest') =>
    images.importLayout({ ...named(repository, layout), tag, workspaceId: 'w2', isPublic: true });
  const { id } = await publish('shared');
  await publish('shared', 'v1');
  await publish('python');
  await publish('python', '3.12-slim');
  await publish('org/app');
  const publicOf = (workspaceId: string, ref: string) => {
    const found = images.findBase(workspaceId, ref);
    return found && (found.publicOf ?? 'own');
  };

  expect(['shared', id].map((ref) => publicOf('w1', ref))).toEqual(['w2', 'w2']);
  for (const ref of [
    'shared:v1',
    'python',
    'python:3.12-slim',
    'org/app',
    'ghcr.io/org/app',
    'localhost/shared',
  ])
    expect(publicOf('w1', ref), ref).toBeUndefined();
  for (const ref of ['shared:v1', 'python', 'python:3.12-slim', 'org/app'])
    expect(publicOf('w2', ref), ref).toBe('own');
});

test('the log says that a base is the public image of another workspace', async () => {
  const dir = await tempDir();
  const images = await openStore(join(dir, 'data'), { canUnpack: false });
  const layout = join(dir, 'layout');
  await writeLayout(layout, { layers: [{ tar: tarball([]) }] });
  await images.importLayout({ ...named('shared', layout), workspaceId: 'w2', isPublic: true });
  const messages: string[] = [];
  const base = await findBaseImage(
    {
      images,
      workspaceId: 'w1',
      buildId: 'build-1',
      signal: AbortSignal.timeout(20_000),
      onMessage: (message) => void messages.push(message),
    },
    'shared',
  );
  expect(base.manifestDigest).toBe(images.resolve('w2', 'shared').manifestDigest);
  expect(messages).toEqual(['shared is a public image of another workspace (w2)']);
});

test.each(['ghcr.io/org/app', 'localhost/app', 'my.registry/app'])(
  'the name %s is a registry’s and is refused',
  async (name) => {
    const images = await openStore(join(await tempDir(), 'data'), { canUnpack: false });
    expect(() => images.verifyRegistration('w1', name, false)).toThrow('do not begin with a registry');
  },
);
