import { mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openAgentBinaries } from './binary.ts';

test('a damaged binary is installed anew, and what a crash left is removed', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'atoll-binary-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const source = join(dataDir, 'source');
  await writeFile(source, 'the agent');
  const { current } = await openAgentBinaries({ source, dataDir });
  await truncate(current.path, 3);
  await writeFile(`${current.path}.abcdefgh.tmp`, 'half');
  expect((await openAgentBinaries({ source, dataDir })).current).toEqual(current);
  expect(await readFile(current.path, 'utf8')).toBe('the agent');
  expect(await readdir(join(dataDir, 'agents'))).toEqual([current.digest]);
});
