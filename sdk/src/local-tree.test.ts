import fc from 'fast-check';
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packFolder, unpackFolder } from './local-tree.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-stream.ts';
import type { TarMember } from './tar-stream.ts';

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atoll-local-tree-'));
  target = join(folder, 'target');
  await mkdir(target);
  await mkdir(join(folder, 'outside'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Given = Pick<TarMember, 'path' | 'kind'> & { target?: string; content?: string; mode?: number };

async function bytesOf(archive: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** An archive in chunks of an odd size. */
async function* archiveOf(...members: Given[]): AsyncGenerator<Uint8Array> {
  const parts = members.flatMap(({ content = '', mode = 0o644, ...member }) => {
    const body = Buffer.from(content);
    const header = tarHeader({ ...member, mode, mtimeSeconds: 1_000_000, sizeBytes: body.length });
    return [header, body, new Uint8Array(tarPadding(body.length))];
  });
  const whole = Buffer.concat([...parts, tarEnd()]);
  for (let at = 0; at < whole.length; at += 333) yield whole.subarray(at, at + 333);
}

const file = (path: string, content = 'evil', mode = 0o644): Given => ({ path, kind: 'file', content, mode });
const link = (path: string, to: string): Given => ({ path, kind: 'link', target: to });
const outside = () => readdir(join(folder, 'outside'));

test('a folder comes back as it was packed', async () => {
  const source = join(folder, 'source');
  await mkdir(join(source, 'a/b'), { recursive: true });
  await writeFile(join(source, 'a/b/file'), 'text', { mode: 0o751 });
  await writeFile(join(source, 'x'.repeat(150)), 'long name');
  await symlink('a/b/file', join(source, 'link'));
  const progress = await unpackFolder(packFolder(source, {}), target);
  expect(progress).toEqual({ fileCount: 3, sizeBytes: 13 });
  expect(await readFile(join(target, 'a/b/file'), 'utf8')).toBe('text');
  expect((await stat(join(target, 'a/b/file'))).mode & 0o777).toBe(0o751);
  expect(await readlink(join(target, 'link'))).toBe('a/b/file');
  expect(await readFile(join(target, 'x'.repeat(150)), 'utf8')).toBe('long name');
});

test('names and links that are not UTF-8 come along, and come back as they were', async () => {
  const source = Buffer.from(`${join(folder, 'source')}/`);
  const name = Buffer.from('caf\u00e9-\u00fc', 'latin1');
  const at = (...parts: (Buffer | string)[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));
  await mkdir(at(source, name), { recursive: true });
  await writeFile(at(source, name, '/', name, 'x'.repeat(100)), 'text');
  await symlink(name, at(source, 'link'));
  await writeFile(at(source, 'grün'), 'green');
  expect(await unpackFolder(packFolder(join(folder, 'source'), {}), target)).toMatchObject({ fileCount: 3 });
  expect(await readFile(at(target, '/', name, '/', name, 'x'.repeat(100)), 'utf8')).toBe('text');
  expect(await readlink(join(target, 'link'), { encoding: 'buffer' })).toEqual(name);
  expect(await readFile(join(target, 'grün'), 'utf8')).toBe('green');
});

test.each([
  ['a name with ..', [file('../outside/file')]],
  ['.. in the middle', [file('a/../../outside/file')]],
  ['a file below a link that is there', [file('planted/file')]],
  ['a folder in place of a link that is there', [{ path: 'planted', kind: 'directory' as const }]],
])('%s is refused', async (_, members) => {
  await symlink('../outside', join(target, 'planted'));
  await expect(unpackFolder(archiveOf(...members), target)).rejects.toThrow(/outside of it|no directory/);
  expect(await outside()).toEqual([]);
});

test('links of the archive are made last, so nothing is written through them', async () => {
  const members = [link('l', '../outside'), file('l/file')];
  await expect(unpackFolder(archiveOf(...members), target)).rejects.toThrow('is there and a directory');
  expect(await outside()).toEqual([]);
});

test('a file replaces a link that is there, and an absolute name is below the folder', async () => {
  await symlink('../outside/file', join(target, 'l'));
  await unpackFolder(archiveOf(file('l', 'new'), file('/etc/name', 'inside')), target);
  expect(await outside()).toEqual([]);
  expect(await readFile(join(target, 'l'), 'utf8')).toBe('new');
  expect(await readFile(join(target, 'etc/name'), 'utf8')).toBe('inside');
});

test('a name that no system takes is refused', async () => {
  const long = `${'x/'.repeat(2500)}x`;
  await expect(unpackFolder(archiveOf(file(long)), target)).rejects.toThrow('too long');
  expect(await readdir(target)).toEqual([]);
});

test('set-id bits are not taken over', async () => {
  await unpackFolder(archiveOf(file('tool', 'x', 0o6755)), target);
  expect((await stat(join(target, 'tool'))).mode & 0o7777).toBe(0o755);
});

test('an archive that breaks off is an error, and leaves no half of a file', async () => {
  const whole = await bytesOf(archiveOf(file('a', 'x'.repeat(2000))));
  const cut = (length: number) =>
    unpackFolder(
      (async function* () {
        yield whole.subarray(0, length);
      })(),
      target,
    );
  for (const length of [0, 100, 600, 2000, 2512]) await expect(cut(length)).rejects.toThrow('ends too early');
  expect((await readdir(target)).filter((name) => name !== 'a')).toEqual([]);
});

test('whatever bytes come, they are written below the folder or are an error', async () => {
  const valid = await bytesOf(archiveOf(link('l', '..'), file('d/f'), file('x'.repeat(150))));
  const changes = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(changes, async (changed) => {
      const bytes = Buffer.from(valid);
      for (const [at, byte] of changed) bytes[at] = byte;
      const chunks = (async function* () {
        yield bytes;
      })();
      await unpackFolder(chunks, join(target, 'in')).catch((error: unknown) => error);
      expect([await readdir(target), await outside(), (await readdir(folder)).length]).toEqual([
        ['in'],
        [],
        2,
      ]);
    }),
    { numRuns: 100 },
  );
});
