import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tarball, writeLayout } from '../../../test/fixtures/image-layout.ts';
import { named, openStore } from '../../../test/fixtures/image-store.ts';
import { writeRecipes } from '../../../test/fixtures/recipes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';

const patience = () => AbortSignal.timeout(20_000);

async function open(dir: string, recipes: Awaited<ReturnType<typeof writeRecipes>>) {
  return openStore(join(dir, 'data'), { canUnpack: false, recipes: recipes.options });
}

test('one build serves all who ask, and afterwards the image is there', async () => {
  const dir = await tempDir();
  const recipes = await writeRecipes(dir, ['desk']);
  const store = await open(dir, recipes);
  expect(store.findUnbuilt('w1', 'desk')).toBe('tensorlake/desk');
  expect(store.findUnbuilt('w1', 'tensorlake/desk')).toBe('tensorlake/desk');
  await Promise.all([1, 2, 3].map(() => store.provide('tensorlake/desk', patience())));
  expect(await recipes.builds()).toEqual(['tensorlake/desk']);
  expect(store.findUnbuilt('w1', 'desk')).toBeUndefined();
  expect(store.resolve('w1', 'desk')).toMatchObject({ canonicalName: 'tensorlake/desk', base: 'nothing' });
});

test('only recipes are built, and only by their own names', async () => {
  const dir = await tempDir();
  const store = await open(dir, await writeRecipes(dir, ['desk']));
  for (const ref of ['chair', 'desk:v1', 'blaxel/desk', 'desk/desk', '../recipes', 'DESK']) {
    expect(store.findUnbuilt('w1', ref), ref).toBeUndefined();
  }
});

test('the recipe of another reserved workspace goes by the full name alone', async () => {
  const dir = await tempDir();
  const recipes = await writeRecipes(dir, ['blaxel-lamp', 'table-lamp']);
  const store = await open(dir, recipes);
  expect(store.findUnbuilt('w1', 'blaxel/lamp:latest')).toBe('blaxel/lamp');
  for (const ref of ['lamp', 'blaxel-lamp', 'tensorlake/blaxel-lamp', 'table/lamp', 'blaxel/table-lamp']) {
    expect(store.findUnbuilt('w1', ref), ref).toBeUndefined();
  }
  await store.provide('blaxel/lamp', patience());
  expect(await recipes.builds()).toEqual(['blaxel/lamp']);
  expect(store.resolve('w1', 'blaxel/lamp:latest')).toMatchObject({ canonicalName: 'blaxel/lamp' });
});

test('the own image of that name comes before the recipe, and that of others after it', async () => {
  const dir = await tempDir();
  const store = await open(dir, await writeRecipes(dir, ['desk']));
  const layout = join(dir, 'layout');
  await writeLayout(layout, { layers: [{ tar: tarball([]) }] });
  await store.importLayout({ ...named('desk', layout), workspaceId: 'w2', isPublic: true });
  expect(store.findUnbuilt('w1', 'desk')).toBe('tensorlake/desk');
  expect(store.findUnbuilt('w2', 'desk')).toBeUndefined();
  expect(store.findUnbuilt('w2', 'tensorlake/desk')).toBe('tensorlake/desk');
});

test('a failure says why, and the next one to ask tries again', async () => {
  const dir = await tempDir();
  const recipes = await writeRecipes(dir, ['desk']);
  await recipes.break('desk');
  const store = await open(dir, recipes);
  for (let round = 0; round < 2; round += 1) {
    await expect(store.provide('tensorlake/desk', patience())).rejects.toThrow(
      'the image tensorlake/desk could not be built: the archive cannot be reached',
    );
  }
  expect(await recipes.builds()).toHaveLength(2);
});

test('who gives up leaves the build to the others', async () => {
  const dir = await tempDir();
  const recipes = await writeRecipes(dir, ['desk']);
  const store = await open(dir, recipes);
  const controller = new AbortController();
  const impatient = store.provide('tensorlake/desk', controller.signal);
  const patient = store.provide('tensorlake/desk', patience());
  controller.abort(new Error('terminated'));
  await expect(impatient).rejects.toThrow('terminated');
  await patient;
  expect(await recipes.builds()).toHaveLength(1);
});
