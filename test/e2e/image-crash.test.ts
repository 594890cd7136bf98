import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { tarball, writeLayout } from '../fixtures/image-layout.ts';
import { named, openStore } from '../fixtures/image-store.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const importer = join(import.meta.dirname, '../fixtures/import-image.ts');

/** Members enough that unpacking takes a while. */
const manyFiles = (seed: number) =>
  tarball(Array.from({ length: 1500 }, (_, n) => ({ path: `f${n}`, content: `${seed}`.padEnd(2000, 'x') })));

const temporary = async (dataDir: string): Promise<string[]> => {
  const layers = await readdir(join(dataDir, 'layers')).catch(() => []);
  return layers.filter((name) => name.startsWith('tmp-') || name.startsWith('jail-'));
};

async function killDuringImport(dataDir: string, layoutDir: string): Promise<void> {
  const child = spawn(process.execPath, [importer, dataDir, layoutDir], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  while (child.exitCode === null && (await temporary(dataDir)).length === 0) await sleep(5);
  await sleep(Math.random() * 100);
  child.kill('SIGKILL');
  await exited;
}

test('kill -9 while layers are unpacked leaves nothing that a restart does not finish', async () => {
  const dir = await tempDir();
  const dataDir = join(dir, 'data');
  const layers = [1, 2, 3].map((seed) => ({ tar: manyFiles(seed) }));
  const digest = await writeLayout(join(dir, 'layout'), { layers });
  await killDuringImport(dataDir, join(dir, 'layout'));
  await killDuringImport(dataDir, join(dir, 'layout'));
  const store = await openStore(dataDir);
  expect(await temporary(dataDir)).toEqual([]);
  expect(readdirSync(join(dataDir, 'blobs', 'tmp'))).toEqual([]);
  await store.importLayout(named('image', join(dir, 'layout')));
  const rootfs = await store.acquireRootfs(digest);
  const trees = rootfs.layers.map((tree) => readdirSync(tree).length);
  const sample = readFileSync(join(rootfs.path, 'f1499'), 'utf8');
  await rootfs.release();
  expect(trees.slice(1)).toEqual([1500, 1500, 1500]);
  expect(sample).toBe('3'.padEnd(2000, 'x'));
});

test('closing ends an import in flight and removes its files', async () => {
  const dir = await tempDir();
  const dataDir = join(dir, 'data');
  await writeLayout(join(dir, 'layout'), { layers: [{ tar: manyFiles(1) }] });
  const store = await openStore(dataDir);
  const refused = expect(store.importLayout(named('image', join(dir, 'layout')))).rejects.toThrow('abort');
  while ((await temporary(dataDir)).length === 0) await sleep(2);
  await store.closeAll();
  await refused;
  expect(await temporary(dataDir)).toEqual([]);
});

test('who gives up does not fail the others, and a layer is unpacked once', async () => {
  const dir = await tempDir();
  const dataDir = join(dir, 'data');
  const layoutDir = join(dir, 'layout');
  await writeLayout(layoutDir, { layers: [{ tar: manyFiles(1) }] });
  const store = await openStore(dataDir);
  const impatient = new AbortController();
  const first = store.importLayout(named('a', layoutDir), impatient.signal);
  const others = ['b', 'c', 'd'].map((name) => store.importLayout(named(name, layoutDir)));
  while ((await temporary(dataDir)).length === 0) await sleep(2);
  const seen = new Set(await temporary(dataDir));
  impatient.abort();
  await expect(first).rejects.toThrow('abort');
  expect(await Promise.all(others)).toHaveLength(3);
  expect([...seen].filter((name) => name.startsWith('tmp-'))).toHaveLength(1);
  expect(existsSync(join(dataDir, 'layers'))).toBe(true);
  expect(store.lists.page('w1').images.map(({ name }) => name)).toEqual(['b', 'c', 'd']);
});
