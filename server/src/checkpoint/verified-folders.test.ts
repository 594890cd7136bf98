import { appendFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { sealManifest } from './manifest.ts';
import { createVerifiedFolders } from './verified-folders.ts';

const serverKey = Buffer.alloc(32, 1);
const { signal } = new AbortController();
const facts = {
  id: 'checkpoint',
  sandboxId: 'sandbox',
  workspaceId: 'workspace',
  incarnation: 1,
  createdAt: 1_000,
  runtime: 'gvisor',
  runtimeVersion: '1',
  cpuFeatures: [],
  agentDigest: 'agent',
  manifestDigest: 'sha256:0',
  limits: { cpus: 1, memoryMb: 256, diskMb: 1024 },
};

/** A folder that was sealed just now, and a clock. */
async function sealed() {
  const dir = await tempDir();
  const pages = join(dir, 'pages.img');
  await writeFile(pages, 'memory');
  const manifest = await sealManifest(dir, facts, serverKey);
  const clock = { now: 1_000_000 };
  const folders = createVerifiedFolders({ serverKey, now: () => clock.now });
  await folders.sealed(dir, manifest);
  return { dir, pages, manifest, clock, folders };
}

test('what was sealed or verified a moment ago is not read again', async () => {
  const { dir, manifest, clock, folders } = await sealed();
  // The same object: it was not parsed anew.
  expect(await folders.verify(dir, signal)).toBe(manifest);
  clock.now += 60_001;
  const read = await folders.verify(dir, signal);
  expect(read).not.toBe(manifest);
  expect(read).toEqual(manifest);
  expect(await folders.verify(dir, signal)).toBe(read);
});

test('who asks while a folder is read shares what is read', async () => {
  const { dir, clock, folders } = await sealed();
  clock.now += 60_001;
  const [one, two] = await Promise.all([folders.verify(dir, signal), folders.verify(dir, signal)]);
  expect(two).toBe(one);
});

test('a file that was written to is verified anew, whatever it says of its age', async () => {
  const { dir, pages, folders } = await sealed();
  const { atime, mtime } = await stat(pages);
  await writeFile(pages, 'Memory');
  await utimes(pages, atime, mtime);
  await expect(folders.verify(dir, signal)).rejects.toThrow('pages.img has changed since it was written');
});

test('a file more, or a longer one, is found at once', async () => {
  const { dir, folders } = await sealed();
  await writeFile(join(dir, 'more.img'), '');
  await expect(folders.verify(dir, signal)).rejects.toThrow('more.img');
  const other = await sealed();
  await appendFile(other.pages, 'x');
  await expect(other.folders.verify(other.dir, signal)).rejects.toThrow('has 7 bytes instead of 6');
});
