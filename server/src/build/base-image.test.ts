import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../../test/fixtures/image-store.ts';
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
