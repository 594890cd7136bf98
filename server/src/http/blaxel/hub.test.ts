import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hubImages, refuseMissing } from './hub.ts';

const root = join(import.meta.dirname, '../../../..');

test('an image of the hub is offered if there is a recipe for it', () => {
  const offered = hubImages.filter(({ coming_soon }) => !coming_soon).map(({ name }) => name);
  const withRecipe = hubImages
    .map(({ name }) => name)
    .filter((name) => existsSync(join(root, 'images/on-demand', `blaxel-${name}`, 'recipe.ts')));
  expect(offered).toEqual(withRecipe);
  expect([hubImages.length, offered.length]).toEqual([18, 10]);
});

test('the page lists them all', () => {
  const page = readFileSync(join(root, 'docs/blaxel.md'), 'utf8');
  expect(hubImages.filter(({ name }) => !page.includes(`| \`blaxel/${name}\` |`))).toEqual([]);
});

test('who asks for one that is not there is told why', () => {
  expect(() => refuseMissing('blaxel/nextjs:latest')).toThrow('comes from the npm registry');
  expect(() => refuseMissing('blaxel/base-image:latest')).not.toThrow();
  expect(() => refuseMissing('nextjs')).not.toThrow();
});
