import { chmod, cp, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { readManifest, sealManifest, verifyManifest } from './manifest.ts';

const key = Buffer.alloc(32, 1);
const facts = {
  id: 'checkpoint',
  sandboxId: 'sandbox',
  workspaceId: 'workspace',
  incarnation: 1,
  createdAt: 1_000,
  runtime: 'gvisor',
  runtimeVersion: '1',
  cpuFeatures: ['sse'],
  agentDigest: 'agent',
  manifestDigest: 'sha256:0',
  limits: { cpus: 1, memoryMb: 256, diskMb: 1024 },
};
const CHANGED = 'has changed since it was written';
const FOREIGN = 'bears no seal of this server';

let dir: string;
const path = (name: string): string => join(dir, name);

/** A sealed folder of two files. */
beforeEach(async () => {
  dir = await tempDir();
  await writeFile(path('pages.img'), 'memory', { mode: 0o644 });
  await writeFile(path('checkpoint.img'), 'state');
  await sealManifest(dir, facts, key);
});

test('a sealed folder is what it was, and only the server reads it', async () => {
  const manifest = await verifyManifest(dir, key);
  expect(manifest).toMatchObject({ version: 1, ...facts });
  expect(manifest.files.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual([
    ['checkpoint.img', 5],
    ['pages.img', 6],
  ]);
  for (const name of ['manifest', 'pages.img', 'checkpoint.img'])
    expect((await stat(path(name))).mode & 0o777).toBe(0o600);
});

test('who no longer wants it gets no seal', async () => {
  await writeFile(path('manifest'), '');
  const sealing = sealManifest(dir, facts, key, AbortSignal.abort(new Error('no longer wanted')));
  await expect(sealing).rejects.toThrow('no longer wanted');
  expect(await readFile(path('manifest'), 'utf8')).toBe('');
});

test('bytes that differ are refused', async () => {
  await writeFile(path('pages.img'), 'Memory');
  await expect(verifyManifest(dir, key)).rejects.toThrow(`pages.img ${CHANGED}`);
});

test('half a file is refused', async () => {
  await truncate(path('pages.img'), 3);
  await expect(verifyManifest(dir, key)).rejects.toThrow('pages.img has 3 bytes instead of 6');
});

test('one file more is refused', async () => {
  await writeFile(path('more.img'), '');
  await expect(verifyManifest(dir, key)).rejects.toThrow('it holds more.img, which is none of its files');
});

test('the seal of another server is refused', async () => {
  await expect(readManifest(dir, Buffer.alloc(32, 2))).rejects.toThrow(FOREIGN);
});

test('a manifest that was changed, cut or never sealed is refused', async () => {
  const sealed = await readFile(path('manifest'), 'utf8');
  const [text = '', seal = ''] = sealed.split('\n');
  const forged = [text.replace('"gvisor"', '"Gvisor"'), seal].join('\n');
  for (const content of [forged, text, `${text}\n`, `${text}\n${seal.slice(1)}`, '', '\n\n']) {
    await writeFile(path('manifest'), content);
    await expect(readManifest(dir, key)).rejects.toThrow(FOREIGN);
  }
});

test('a copy of the folder elsewhere keeps its seal', async () => {
  const copy = join(await tempDir(), 'copy');
  await cp(dir, copy, { recursive: true });
  await chmod(join(copy, 'pages.img'), 0o600);
  expect(await verifyManifest(copy, key)).toEqual(await readManifest(dir, key));
});
