import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { removeEmptyFolders } from './empty-folder.ts';

test('folders go unless a file is below them', async () => {
  const dir = join(await tempDir(), 'run');
  await mkdir(join(dir, 'empty', 'deep'), { recursive: true });
  await mkdir(join(dir, 'kept'));
  await writeFile(join(dir, 'kept', 'file'), '');
  await removeEmptyFolders(dir);
  expect([existsSync(join(dir, 'empty')), existsSync(join(dir, 'kept', 'file'))]).toEqual([false, true]);
});

test('a folder that is not there is no error', async () => {
  await removeEmptyFolders(join(await tempDir(), 'nothing'));
});
