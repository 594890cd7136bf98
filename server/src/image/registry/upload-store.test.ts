import { readdirSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { digestOf } from '../../../../test/fixtures/image-layout.ts';
import { tempDir } from '../../../../test/fixtures/temp-dir.ts';
import { createUploadStore, defaultUploadLimits } from './upload-store.ts';

async function openUploads(limits: Partial<typeof defaultUploadLimits> = {}) {
  const dir = await tempDir();
  let now = 1_000_000;
  const uploads = createUploadStore(dir, { ...defaultUploadLimits, ...limits }, () => now);
  onTestFinished(uploads.closeAll);
  const wait = (ms: number): void => {
    now += ms;
  };
  return { uploads, wait, files: () => readdirSync(dir) };
}

async function* chunks(...parts: string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

const keep = async (): Promise<void> => {};

test('an upload that nobody touches expires with its file', async () => {
  const { uploads, wait, files } = await openUploads({ idleMs: 1000 });
  const idle = await uploads.begin('w/a');
  wait(600);
  const busy = await uploads.begin('w/a');
  wait(600);
  await uploads.expire();
  expect(() => uploads.find('w/a', idle.id)).toThrow('no upload');
  expect([uploads.find('w/a', busy.id).id, files()]).toEqual([busy.id, [`upload-${busy.id}`]]);
});

test('a workspace and the server have at most so many', async () => {
  const { uploads } = await openUploads({ maxUploads: 3, maxUploadsPerWorkspace: 2 });
  await uploads.begin('w/a');
  const second = await uploads.begin('w/b');
  await expect(uploads.begin('w/c')).rejects.toMatchObject({ kind: 'too_many_requests' });
  await uploads.begin('v/a');
  await expect(uploads.begin('x/a')).rejects.toMatchObject({ kind: 'too_many_requests' });
  await uploads.cancel('w/b', second.id);
  await uploads.begin('w/c');
});

test('a blob has a largest size', async () => {
  const { uploads } = await openUploads({ maxBlobBytes: 5 });
  const { id } = await uploads.begin('w/a');
  await expect(uploads.append('w/a', id, chunks('123', '456'))).rejects.toMatchObject({ kind: 'too_large' });
});

test('one request at a time writes', async () => {
  const { uploads } = await openUploads();
  const { id } = await uploads.begin('w/a');
  const first = uploads.append('w/a', id, chunks('one'));
  expect(() => uploads.find('w/b', id)).toThrow('no upload');
  await expect(uploads.append('w/a', id, chunks('two'))).rejects.toMatchObject({ kind: 'busy' });
  await first;
});

test('what is finished is handed over whole and then forgotten', async () => {
  const { uploads, files } = await openUploads();
  const { id } = await uploads.begin('w/a');
  await uploads.append('w/a', id, chunks('01', '23'), 0);
  await expect(uploads.append('w/a', id, chunks('x'), 2)).rejects.toMatchObject({ kind: 'range_invalid' });
  await uploads.append('w/a', id, chunks('45'), 4);
  const seen: unknown[] = [];
  await uploads.finish('w/a', id, digestOf('012345'), async (path, sizeBytes) => {
    seen.push(sizeBytes);
    writeFileSync(`${path}.seen`, '');
  });
  expect([seen, files().filter((name) => !name.endsWith('.seen'))]).toEqual([[6], []]);
  expect(() => uploads.find('w/a', id)).toThrow('no upload');
});

test('what is not as promised is removed', async () => {
  const { uploads, files } = await openUploads();
  const { id } = await uploads.begin('w/a');
  await uploads.append('w/a', id, chunks('data'));
  const finished = uploads.finish('w/a', id, digestOf('other'), keep);
  await expect(finished).rejects.toMatchObject({ kind: 'digest_invalid' });
  expect(files()).toEqual([]);
});

test('nothing begins on a disk that is nearly full', async () => {
  const { uploads, files } = await openUploads({ minFreeBytes: Number.MAX_SAFE_INTEGER });
  await expect(uploads.begin('w/a')).rejects.toMatchObject({ kind: 'disk_full' });
  expect(files()).toEqual([]);
});
