import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../test/fixtures/temp-dir.ts';
import { removeLeftTrees } from './base-tree.ts';

test('trees of comparisons that were killed are removed, and no others', async () => {
  const folder = await tempDir();
  const ended = spawnSync('true').pid;
  const names = [
    `atoll-bench-base-${ended}-x`,
    'atoll-bench-base-old',
    `atoll-bench-base-${process.pid}-y`,
    'z',
  ];
  for (const name of names) mkdirSync(join(folder, name, 'tree'), { recursive: true });
  expect((await removeLeftTrees(folder)).toSorted()).toEqual(names.slice(0, 2).toSorted());
  expect(readdirSync(folder).toSorted()).toEqual(names.slice(2).toSorted());
});
