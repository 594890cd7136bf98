import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../test/fixtures/image-layout.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { openBlobStore } from './blob-store.ts';

const never = new AbortController().signal;

async function openWith(content: string) {
  const dir = await tempDir();
  const source = join(dir, 'source');
  await writeFile(source, content);
  return { dir, source, blobs: await openBlobStore(join(dir, 'blobs'), never) };
}

test('a blob is kept under its digest', async () => {
  const { source, blobs } = await openWith('hello');
  await Promise.all([1, 2, 3].map(() => blobs.add(digestOf('hello'), 5, source, never)));
  expect(readFileSync(blobs.path(digestOf('hello')), 'utf8')).toBe('hello');
});

test('sha512 is accepted', async () => {
  const { source, blobs } = await openWith('hello');
  const digest = `sha512:${createHash('sha512').update('hello').digest('hex')}`;
  await blobs.add(digest, 5, source, never);
  expect(blobs.has(digest)).toBe(true);
});

test.each([
  ['a wrong digest', digestOf('other'), 5],
  ['a wrong size', digestOf('hello'), 4],
])('%s leaves nothing', async (_, digest, sizeBytes) => {
  const { dir, source, blobs } = await openWith('hello');
  await expect(blobs.add(digest, sizeBytes, source, never)).rejects.toMatchObject({
    code: 'invalid_request',
  });
  expect(blobs.has(digest)).toBe(false);
  expect(readdirSync(join(dir, 'blobs', 'tmp'))).toEqual([]);
});

test.each(['sha256:xyz', 'md5:00', '../../etc/passwd', ''])('%j is no digest', async (digest) => {
  const { source, blobs } = await openWith('hello');
  await expect(blobs.add(digest, 5, source, never)).rejects.toThrow('not a sha256 or sha512 digest');
});

test('opening removes what an earlier process left half written', async () => {
  const dir = await tempDir();
  await mkdir(join(dir, 'tmp'));
  await writeFile(join(dir, 'tmp', 'half'), 'x');
  await openBlobStore(dir, never);
  expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
});
