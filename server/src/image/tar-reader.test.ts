import { execFileSync } from 'node:child_process';
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tarball } from '../../../test/fixtures/image-layout.ts';
import type { Member } from '../../../test/fixtures/image-layout.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader } from './tar-reader.ts';

interface ReadMember {
  entry: TarEntry;
  content: Buffer;
}

function readAll(archive: Buffer, chunkBytes = archive.length): ReadMember[] {
  const members: ReadMember[] = [];
  const reader = new TarReader({
    entry: (entry) => void members.push({ entry, content: Buffer.alloc(0) }),
    data: (chunk) => {
      const last = members.at(-1);
      if (last) last.content = Buffer.concat([last.content, chunk]);
    },
  });
  for (let at = 0; at < archive.length; at += chunkBytes) reader.write(archive.subarray(at, at + chunkBytes));
  reader.finish();
  return members;
}

const longName = 'd'.repeat(90);

describe.each(['v7', 'oldgnu', 'gnu', 'ustar', 'pax'])('an archive of GNU tar in the %s format', (format) => {
  test('is read with names, links, modes and content', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'sub'));
    await writeFile(join(dir, 'sub', 'file'), 'hello', { mode: 0o640 });
    await utimes(join(dir, 'sub', 'file'), 1_600_000_000, 1_600_000_000);
    await symlink('../elsewhere', join(dir, 'link'));
    const archive = execFileSync('tar', [`--format=${format}`, '-C', dir, '-c', 'sub', 'link'], {
      timeout: 5000,
    });
    const members = readAll(archive, 700);
    expect(members.map(({ entry }) => [entry.path, entry.kind, entry.linkPath])).toEqual([
      ['sub/', 'directory', ''],
      ['sub/file', 'file', ''],
      ['link', 'symlink', '../elsewhere'],
    ]);
    expect(members[1]).toMatchObject({ content: Buffer.from('hello'), entry: { mode: 0o640 } });
    expect(Number(members[1]?.entry.mtime)).toBe(1_600_000_000);
  });
});

test.each(['oldgnu', 'gnu', 'pax'])(
  'names longer than a header are read from the %s format',
  async (format) => {
    const dir = await tempDir();
    const path = `${longName}/${longName}/${longName}`;
    await mkdir(join(dir, longName, longName), { recursive: true });
    await writeFile(join(dir, path), '');
    await symlink(path, join(dir, 'link'));
    const archive = execFileSync('tar', [`--format=${format}`, '-C', dir, '-c', path, 'link'], {
      timeout: 5000,
    });
    expect(readAll(archive).map(({ entry }) => entry.path + entry.linkPath)).toEqual([path, `link${path}`]);
  },
);

test('a file above 8 GiB has its size from base 256', () => {
  const archive = tarball([{ path: 'big' }]);
  archive.write('80000000000000abcdef1234', 124, 'hex');
  archive.fill(0x20, 148, 156);
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const sizes: number[] = [];
  new TarReader({ entry: ({ sizeBytes }) => void sizes.push(sizeBytes), data: () => {} }).write(
    archive.subarray(0, 512),
  );
  expect(sizes).toEqual([0xabcdef1234]);
});

const name = fc.stringMatching(/^[a-z\u00e9 ]{1,120}$/);
const members: fc.Arbitrary<Member[]> = fc.array(
  fc.record({
    path: name,
    content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    mode: fc.nat({ max: 0o7777 }),
    uid: fc.nat({ max: 2 ** 31 }),
    gid: fc.nat({ max: 2 ** 31 }),
    mtime: fc.constantFrom('0', '1700000000.123456789', '-5', '99999999999'),
    xattrs: fc
      .dictionary(fc.stringMatching(/^user\.[a-z]{1,10}$/), fc.uint8Array({ maxLength: 50 }))
      .map((record) => new Map(Object.entries(record).map(([key, value]) => [key, Buffer.from(value)]))),
  }),
  { maxLength: 5 },
);

test('what is written is read back, whatever the chunks', () => {
  fc.assert(
    fc.property(members, fc.integer({ min: 1, max: 3000 }), (written, chunkBytes) => {
      const read = readAll(tarball(written), chunkBytes);
      expect(read.map(({ entry, content }) => ({ ...pick(entry), content }))).toEqual(
        written.map(({ path, mode, uid, gid, mtime, xattrs, content }) => ({
          path,
          mode,
          uid,
          gid,
          mtime,
          xattrs,
          content,
        })),
      );
    }),
    { numRuns: 100 },
  );
});

const pick = ({ path, mode, uid, gid, mtime, xattrs }: TarEntry) => ({ path, mode, uid, gid, mtime, xattrs });

test('a damaged archive is an ApiError or an archive, never anything else', () => {
  const archive = tarball([
    { path: 'x'.repeat(150), content: 'abc' },
    { path: 'b', uid: 2 ** 31 },
  ]);
  const damage = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(damage, fc.nat(archive.length), (bytes, length) => {
      const damaged = Buffer.from(archive);
      for (const [at, value] of bytes) damaged[at] = value;
      try {
        readAll(damaged.subarray(0, length), 512);
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
      }
    }),
    { numRuns: 300 },
  );
});

test('an archive that stops in a file is refused', () => {
  const archive = tarball([{ path: 'a', content: 'x'.repeat(600) }]);
  expect(() => readAll(archive.subarray(0, 1000))).toThrow('ends in the middle');
  expect(() => readAll(archive.subarray(0, 300))).toThrow('ends in the middle');
});

test('an archive without its end blocks is accepted', () => {
  const archive = tarball([{ path: 'a', content: 'x' }]);
  expect(readAll(archive.subarray(0, 1024))).toHaveLength(1);
});

test('sparse files and unknown types are refused by name', async () => {
  const dir = await tempDir();
  await writeFile(join(dir, 'holes'), '');
  execFileSync('truncate', ['--size=1M', join(dir, 'holes')], { timeout: 5000 });
  for (const format of ['gnu', 'pax']) {
    const archive = execFileSync('tar', [`--format=${format}`, '--sparse', '-C', dir, '-c', 'holes'], {
      timeout: 5000,
    });
    expect(() => readAll(archive)).toThrow('is a sparse file');
  }
});
