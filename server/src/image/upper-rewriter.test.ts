import { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tarball } from '../../../test/fixtures/image-layout.ts';
import type { Member } from '../../../test/fixtures/image-layout.ts';
import { defaultLayerLimits } from './layer-limits.ts';
import { LayerRewriter } from './layer-rewriter.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader } from './tar-reader.ts';
import { UpperRewriter } from './upper-rewriter.ts';
import type { UpperIds } from './upper-rewriter.ts';

interface Read extends TarEntry {
  content: string;
}

async function convert(members: readonly Member[], ids?: UpperIds, chunkBytes = 65_536) {
  const rewriter = new UpperRewriter(ids);
  const entries = await readThrough(tarball(members), [rewriter], chunkBytes);
  return Object.assign(entries, { content: rewriter.content() });
}

/** As a layer, unpacked: what an overlay would have on disk. */
const roundTrip = (members: readonly Member[]): Promise<Read[]> =>
  readThrough(tarball(members), [new UpperRewriter(), new LayerRewriter(defaultLayerLimits)]);

async function readThrough(archive: Buffer, stages: NodeJS.ReadWriteStream[], chunkBytes = 65_536) {
  const entries: Read[] = [];
  const reader = new TarReader({
    entry: (entry) => void entries.push({ ...entry, content: '' }),
    data: (chunk) => void (entries.at(-1)!.content += chunk.toString('latin1')),
  });
  const chunks: Buffer[] = [];
  for (let at = 0; at < archive.length; at += chunkBytes) chunks.push(archive.subarray(at, at + chunkBytes));
  const passed = stages.reduce<NodeJS.ReadableStream>(
    (stream, stage) => pipe(stream, stage),
    Readable.from(chunks),
  );
  for await (const chunk of passed) reader.write(Buffer.from(chunk));
  reader.finish();
  return entries;
}

/** What one stage throws ends the next. */
const pipe = (from: NodeJS.ReadableStream, to: NodeJS.ReadWriteStream): NodeJS.ReadableStream =>
  pipeline(from, to, () => {});

const names = (entries: readonly TarEntry[]): string[] => entries.map(({ path }) => path);
const dir = (path: string, xattrs: Record<string, string> = {}): Member => ({
  path,
  kind: 'directory',
  xattrs: new Map(Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value)])),
});
const whiteout = (path: string): Member => ({ path, kind: 'char', mode: 0 });
const link = (path: string, linkPath: string): Member => ({ path, kind: 'hardlink', linkPath });
const marked = (path: string, name: string, value = ''): Member => ({
  path,
  xattrs: new Map([[name, Buffer.from(value)]]),
});

describe('whiteouts', () => {
  test('a device 0:0 and the hard links to it hide their names', async () => {
    const entries = await convert([
      dir('./'),
      dir('./usr'),
      whiteout('./usr/a'),
      link('./usr/b', './usr/a'),
      link('c', 'usr/b'),
    ]);
    expect(names(entries)).toEqual(['./', 'usr/', 'usr/.wh.a', 'usr/.wh.b', '.wh.c']);
    expect(entries.content).toEqual({ entryCount: 2, whiteoutCount: 3, droppedCount: 0 });
  });

  test.each(['trusted.overlay.whiteout', 'user.overlay.whiteout'])(
    'an empty file marked by %s hides its name',
    async (xattr) => {
      expect(names(await convert([marked('a', xattr)]))).toEqual(['.wh.a']);
    },
  );

  test('a file with content is none, whatever its attributes say', async () => {
    const [file] = await convert([{ ...marked('a', 'user.overlay.whiteout'), content: 'x' }]);
    expect(file).toMatchObject({ path: 'a', content: 'x' });
  });

  test('other devices stay devices', async () => {
    const [device] = await convert([{ path: 'null', kind: 'char', devMajor: 1, devMinor: 3 }]);
    expect(device).toMatchObject({ kind: 'char', devMajor: 1, devMinor: 3, path: 'null' });
  });

  test.each(['trusted.overlay.opaque', 'user.overlay.opaque'])(
    'a directory marked by %s hides all that was below it, before its own members',
    async (xattr) => {
      const entries = await convert([dir('a', { [xattr]: 'y' }), { path: 'a/new' }]);
      expect(names(entries)).toEqual(['a/', 'a/.wh..wh..opq', 'a/new']);
      expect([...entries[0]!.xattrs]).toEqual([]);
    },
  );

  test('a directory that only may hold marked whiteouts is not opaque', async () => {
    const entries = await convert([dir('a', { 'trusted.overlay.opaque': 'x' })]);
    expect(names(entries)).toEqual(['a/']);
  });
});

describe('what belongs to the server', () => {
  test.each(['.atoll', '.atoll/agent', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf', 'etc/machine-id'])(
    '/%s is in no snapshot, neither as a file nor as a whiteout',
    async (path) => {
      expect(names(await convert([{ path, content: 'x' }, { path: 'a' }]))).toEqual(['a']);
      const entries = await convert([whiteout(path), link('b', path)]);
      expect(names(entries)).toEqual(['.wh.b']);
      expect(entries.content.droppedCount).toBe(0);
    },
  );

  test('a hard link to what is left out is left out', async () => {
    const entries = await convert([{ path: 'etc/hosts', content: 'x' }, link('copy', 'etc/hosts')]);
    expect(names(entries)).toEqual([]);
    expect(entries.content.droppedCount).toBe(1);
  });
});

describe('names that read as whiteouts', () => {
  test('are left out with all that is below them, and counted', async () => {
    const entries = await convert([{ path: '.wh.a' }, dir('.wh.d'), { path: '.wh.d/f' }, { path: 'b' }]);
    expect(names(entries)).toEqual(['b']);
    expect(entries.content.droppedCount).toBe(3);
  });
});

describe('attributes', () => {
  test('those of users and file capabilities stay, those of the host go', async () => {
    const xattrs = new Map(
      ['user.mime', 'security.capability', 'trusted.overlay.origin', 'security.selinux', 'trusted.x'].map(
        (name) => [name, Buffer.from('v')],
      ),
    );
    const [file] = await convert([{ path: 'a', xattrs }]);
    expect([...file!.xattrs.keys()]).toEqual(['user.mime', 'security.capability']);
  });

  test('capabilities that name the root of a user namespace become those of any root', async () => {
    const given = Buffer.from('0100000300040000000000000000000000000000000000ff', 'hex');
    const [file] = await convert([{ path: 'a', xattrs: new Map([['security.capability', given]]) }]);
    expect(file!.xattrs.get('security.capability')?.toString('hex')).toBe(
      '0100000200040000000000000000000000000000',
    );
  });

  test.each(['trusted.overlay.redirect', 'trusted.overlay.metacopy'])(
    'a file whose content is elsewhere (%s) ends the conversion',
    async (name) => {
      await expect(convert([marked('a', name)])).rejects.toMatchObject({ code: 'unsupported' });
    },
  );
});

test('ids of the host become those of the sandbox, and strangers nobody', async () => {
  const ids = { hostId: 1000 * 65_536, count: 65_536 };
  const entries = await convert(
    [
      { path: 'a', uid: ids.hostId, gid: ids.hostId + 1001 },
      { path: 'b', uid: 0, gid: ids.hostId + 65_536 },
    ],
    ids,
  );
  expect(entries.map(({ uid, gid }) => [uid, gid])).toEqual([
    [0, 1001],
    [65_534, 65_534],
  ]);
});

test('a member that climbs out ends the conversion', async () => {
  await expect(convert([{ path: '../etc/passwd' }])).rejects.toMatchObject({ code: 'invalid_request' });
});

describe('any upper directory', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'dd', '\xe9');
  const member = fc.oneof(
    name.map((path): Member => ({ path, content: `file of ${path.length} bytes of name` })),
    name.map(whiteout),
    name.map((path): Member => ({ path, kind: 'symlink', linkPath: 'a' })),
    name.map((path) => dir(path, { 'trusted.overlay.opaque': 'y' })),
    name.map((path) => dir(path)),
  );
  /** One member of a name, as in a directory; below directories a file or a whiteout each; then links to earlier ones. */
  const upper = fc
    .uniqueArray(member, { selector: ({ path }) => path })
    .map((members) => [
      ...members.flatMap((one) =>
        one.kind === 'directory'
          ? [one, { path: `${one.path}/in`, content: 'inside' }, whiteout(`${one.path}/gone`)]
          : [one],
      ),
      ...members.filter(({ kind }) => kind !== 'directory').map(({ path }) => link(`link-${path}`, path)),
    ]);
  const onDisk = ({ kind, path, linkPath, content }: Member): string =>
    `${kind ?? 'file'} ${path.replace(/\/$/, '')} ${linkPath ?? ''} ${content ?? ''}`;

  test('is the same again once its layer is unpacked', async () => {
    await fc.assert(
      fc.asyncProperty(upper, async (members) => {
        const devices = new Set(members.filter(({ kind }) => kind === 'char').map(({ path }) => path));
        const isWhiteout = (one: Member) => one.kind === 'hardlink' && devices.has(one.linkPath ?? '');
        const expected = members.map((one) => (isWhiteout(one) ? whiteout(one.path) : one));
        // An opaque directory is written once more when its mark has come.
        const found = new Set((await roundTrip(members)).map(onDisk));
        expect([...found].toSorted()).toEqual(expected.map(onDisk).toSorted());
      }),
      { numRuns: 200 },
    );
  });

  test('becomes the same layer however its bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(upper, fc.integer({ min: 1, max: 1500 }), async (members, chunkBytes) => {
        expect(await convert(members, undefined, chunkBytes)).toEqual(await convert(members));
      }),
      { numRuns: 50 },
    );
  });
});
